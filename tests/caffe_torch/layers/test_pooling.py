"""Pooling and SPP: Caffe's rounding up, its clipping and its divisors."""

import numpy as np
import pytest
from one_layer import TEST, OneLayer, normal

from caffe_torch.errors import CaffeError


def pooling(text: str, x: object, **more: object) -> OneLayer:
    return OneLayer(f'type: "Pooling" pooling_param {{ {text} }}', x, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "size, text, expected",
    [
        (55, "kernel_size: 3 stride: 2", 27),
        (54, "kernel_size: 3 stride: 2", 27),  # AlexNet on 224: 26.5 windows, rounded up
        (13, "kernel_size: 3 stride: 2", 6),
        (4, "kernel_size: 2 stride: 2 pad: 1", 3),
        (5, "kernel_size: 2 stride: 2 pad: 1", 3),  # a 4th would start in the padding: dropped
        (5, "kernel_size: 3 stride: 2 round_mode: FLOOR", 2),
        (6, "kernel_size: 3 stride: 2 round_mode: FLOOR", 2),
    ],
)
def test_output_size(size: int, text: str, expected: int) -> None:
    for pool in ("MAX", "AVE"):
        assert pooling(f"pool: {pool} {text}", np.zeros((1, 1, size, size))).forward().shape == (
            1,
            1,
            expected,
            expected,
        )


def test_max_with_positions() -> None:
    layer = pooling("kernel_size: 2 stride: 2", np.arange(9).reshape(1, 1, 3, 3), tops=2)
    np.testing.assert_array_equal(layer.forward()[0, 0], [[4, 5], [7, 8]])
    np.testing.assert_array_equal(layer.tops[1].data[0, 0], [[4, 5], [7, 8]])


def test_first_of_equals_gets_the_gradient() -> None:
    layer = pooling("kernel_size: 2 stride: 2", np.ones((1, 1, 2, 2)))
    layer.forward()
    np.testing.assert_array_equal(layer.backward()[0][0, 0], [[1, 0], [0, 0]])


def test_average_counts_padding_but_not_beyond() -> None:
    # Windows of 3 at -1, 1, 3 over 4 ones padded by 1: the last ends with the padding, so has only 2 columns.
    layer = pooling("pool: AVE kernel_size: 3 stride: 2 pad: 1", np.ones((1, 1, 4, 4)))
    np.testing.assert_allclose(layer.forward()[0, 0], np.outer([2 / 3, 1, 1 / 2], [2 / 3, 1, 1 / 2]), rtol=1e-6)


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize(
    "text", ["kernel_size: 3 stride: 2", "kernel_size: 5 stride: 2 pad: 4", "global_pooling: true"]
)
def test_gradients(pool: str, text: str) -> None:
    x = np.random.default_rng(0).permutation(60).reshape(1, 2, 6, 5) * 0.1  # far enough apart for the differences
    pooling(f"pool: {pool} {text}", x).check_gradients()


def test_windows_wholly_outside_hold_nothing() -> None:
    # Kernel 1, stride 3 over 5: rounding up asks for a third window, at 6. The original reads outside its memory here.
    layer = pooling("kernel_size: 1 stride: 3", np.ones((1, 1, 5, 1)), tops=2)
    layer.forward()
    assert layer.top.shape == (1, 1, 3, 1)
    assert layer.top[0, 0, 2, 0] == np.finfo(np.float32).min and layer.tops[1].data[0, 0, 2, 0] == -1
    np.testing.assert_array_equal(layer.backward(1, 0)[0].ravel(), [1, 0, 0, 1, 0])


def test_stochastic() -> None:
    x = np.abs(normal(2, 3, 4, 4))
    layer = pooling("pool: STOCHASTIC kernel_size: 2 stride: 2", x)
    drawn = layer.forward()
    windows = x.reshape(2, 3, 2, 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(2, 3, 2, 2, 4)
    assert (windows == drawn[..., None]).any(axis=-1).all()
    mean = pooling("pool: STOCHASTIC kernel_size: 2 stride: 2", x, phase=TEST).forward()
    np.testing.assert_allclose(mean, (windows**2).sum(-1) / windows.sum(-1), rtol=1e-5)


def test_spp_joins_its_levels() -> None:
    layer = OneLayer('type: "SPP" spp_param { pyramid_height: 2 }', np.arange(16).reshape(1, 1, 4, 4))
    np.testing.assert_array_equal(layer.forward(), [[15, 5, 7, 13, 15]])


@pytest.mark.parametrize(
    "text, message",
    [
        ("kernel_size: 2 pad: 2", "smaller than the kernel"),
        ("global_pooling: true kernel_size: 2", "do not give kernel_size"),
        ("stride: 2", "at least 1 x 1"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(CaffeError, match=message):
        pooling(text, np.zeros((1, 1, 4, 4)))
