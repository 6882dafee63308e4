"""LRN against its definition, in both memory formats."""

import numpy as np
import pytest
import torch
from one_layer import OneLayer, normal

from caffe_torch.errors import CaffeError

ACROSS = "local_size: 3 alpha: 0.6 beta: 0.75 k: 2"


def lrn(text: str, x: np.ndarray) -> OneLayer:
    return OneLayer(f'type: "LRN" lrn_param {{ {text} }}', x)


def test_across_channels_by_hand() -> None:
    x = np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)
    squares = np.array([1 + 4, 1 + 4 + 9, 4 + 9])
    expected = np.array([1, 2, 3]) * (2 + 0.2 * squares) ** -0.75
    np.testing.assert_allclose(lrn(ACROSS, x).forward().ravel(), expected, rtol=1e-6)


def test_within_channel_divides_by_the_full_window_and_ignores_k() -> None:
    x = np.ones((1, 1, 2, 2), np.float32)
    layer = lrn("local_size: 3 alpha: 9 beta: 1 k: 7 norm_region: WITHIN_CHANNEL", x)
    np.testing.assert_allclose(layer.forward()[0, 0], np.full((2, 2), 1 / (1 + 4)), rtol=1e-6)


@pytest.mark.parametrize("text", [ACROSS, "local_size: 5 alpha: 1 beta: 0.5", ACROSS + " norm_region: WITHIN_CHANNEL"])
def test_gradients(text: str) -> None:
    lrn(text, normal(2, 4, 2, 3)).check_gradients()


def test_channels_last_gives_the_same() -> None:
    x, dy = normal(3, 6, 4, 5), normal(3, 6, 4, 5, seed=1)
    plain, other = lrn(ACROSS, x), lrn(ACROSS, x)
    other.bottoms[0]._data._exposed = False
    other.bottoms[0].assign(torch.from_numpy(x).contiguous(memory_format=torch.channels_last))
    np.testing.assert_allclose(other.forward(), plain.forward(), rtol=1e-6)
    np.testing.assert_allclose(other.backward(dy)[0], plain.backward(dy)[0], rtol=1e-5, atol=1e-6)


def test_results_stay_live_views() -> None:
    layer = lrn(ACROSS, normal(1, 4, 2, 2))
    view = layer.forward()
    layer.bottoms[0].data[...] = 0
    layer.forward()
    assert not view.any()


def test_even_size_is_refused() -> None:
    with pytest.raises(CaffeError, match="odd"):
        lrn("local_size: 4", normal(1, 4, 2, 2))
