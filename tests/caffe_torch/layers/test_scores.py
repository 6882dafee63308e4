"""Accuracy and ArgMax."""

import numpy as np
import pytest
from one_layer import OneLayer

from caffe_torch.errors import CaffeError

SCORES = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]


@pytest.mark.parametrize(
    "text, labels, expected",
    [
        ("", [1, 1, 2], 2 / 3),
        ("top_k: 2", [1, 1, 2], 1),
        ("ignore_label: 1", [1, 1, 2], 1),
        ("ignore_label: 1", [1] * 3, 0),
    ],
)
def test_accuracy(text: str, labels: list[int], expected: float) -> None:
    assert OneLayer(f'type: "Accuracy" accuracy_param {{ {text} }}', SCORES, labels).forward() == pytest.approx(
        expected
    )


def test_accuracy_by_class_and_ties() -> None:
    layer = OneLayer('type: "Accuracy"', SCORES, [1, 1, 2], tops=2)
    layer.forward()
    np.testing.assert_allclose(layer.tops[1].data, [0, 0.5, 1])
    assert OneLayer('type: "Accuracy"', np.ones((2, 3)), [0, 2]).forward() == 0
    with pytest.raises(CaffeError, match="labels 0 to 3"):
        OneLayer('type: "Accuracy"', SCORES, [0, 1, 3]).forward()


def test_arg_max() -> None:
    layer = OneLayer('type: "ArgMax" argmax_param { top_k: 2 out_max_val: true }', SCORES)
    np.testing.assert_allclose(layer.forward()[0], np.array([[1, 2], [0.7, 0.2]]), rtol=1e-6)
    assert OneLayer('type: "ArgMax"', np.ones((1, 4))).forward().item() == 3
    np.testing.assert_array_equal(OneLayer('type: "ArgMax" argmax_param { axis: 0 }', SCORES).forward(), [[1, 0, 2]])
