"""Activations: values, gradients, in place."""

import numpy as np
import pytest
from one_layer import OneLayer, normal

from caffe_torch.errors import CaffeError

TYPES = [
    'type: "ReLU"', 'type: "ReLU" relu_param { negative_slope: 0.2 }', 'type: "Sigmoid"', 'type: "TanH"', 'type: "ELU"',
    'type: "BNLL"', 'type: "Swish"', 'type: "AbsVal"', 'type: "Clip" clip_param { min: -1 max: 0.5 }', 'type: "PReLU"',
    'type: "Power" power_param { power: 3 scale: 0.5 shift: 0.1 }', 'type: "Exp" exp_param { base: 2 }',
    'type: "Log" log_param { shift: 9 }', 'type: "Softmax"', 'type: "MVN"',
]  # fmt: skip


def values() -> np.ndarray:
    """Normal values away from the kinks at -1, 0 and 0.5."""
    x = normal(2, 3, 4)
    for kink in (-1, 0, 0.5):
        x = np.where(np.abs(x - kink) < 0.05, kink + 0.1, x).astype(np.float32)
    return x


@pytest.mark.parametrize("text", TYPES)
def test_gradients(text: str) -> None:
    OneLayer(text, values()).check_gradients()


@pytest.mark.parametrize("text", TYPES[:-1])
def test_in_place_gives_the_same(text: str) -> None:
    apart, in_place = OneLayer(text, values()), OneLayer(text, values(), in_place=True)
    np.testing.assert_array_equal(apart.forward(), in_place.forward())
    dy = normal(2, 3, 4, seed=1)
    np.testing.assert_allclose(in_place.backward(dy)[0], apart.backward(dy)[0], rtol=1e-6)


def test_relu_in_place_keeps_the_memory() -> None:
    layer = OneLayer('type: "ReLU"', [[-1, 2]], in_place=True)
    memory = layer.bottoms[0].data
    layer.forward()
    np.testing.assert_array_equal(memory, [[0, 2]])
    assert layer.bottoms[0].data.ctypes.data == memory.ctypes.data


def test_extreme_scores_stay_finite() -> None:
    for text in ('type: "Sigmoid"', 'type: "BNLL"', 'type: "Softmax"', 'type: "TanH"'):
        layer = OneLayer(text, [[-1000, 0, 1000]])
        assert np.isfinite(layer.forward()).all() and np.isfinite(layer.backward()[0]).all()


def test_threshold_has_no_gradient() -> None:
    layer = OneLayer('type: "Threshold" threshold_param { threshold: 1 }', [[0, 1, 2]])
    np.testing.assert_array_equal(layer.forward(), [[0, 0, 1]])
    with pytest.raises(CaffeError, match="no gradient"):
        layer.backward()


def test_prelu_learns_a_slope_a_channel() -> None:
    layer = OneLayer('type: "PReLU"', [[-4, 3], [-2, -1]])
    np.testing.assert_array_equal(layer.forward(), [[-1, 3], [-0.5, -0.25]])
    layer.backward()
    np.testing.assert_array_equal(layer.layer.blobs[0].diff, [-6, -1])
