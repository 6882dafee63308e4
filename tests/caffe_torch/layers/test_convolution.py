"""Convolution, Deconvolution, Im2col: hand-worked numbers, shapes, gradients, refusals."""

import numpy as np
import pytest
from one_layer import OneLayer, normal

from caffe_torch.errors import CaffeError


def convolution(text: str, *bottoms: object, kind: str = "Convolution") -> OneLayer:
    return OneLayer(f'type: "{kind}" convolution_param {{ {text} }}', *bottoms)


def test_is_a_correlation_with_bias() -> None:
    layer = convolution("num_output: 1 kernel_size: 2", np.arange(9).reshape(1, 1, 3, 3))
    layer.params[0][...] = [[1, 2], [3, 4]]
    layer.params[1][...] = 10
    # upper left: 0*1 + 1*2 + 3*3 + 4*4 = 27
    np.testing.assert_array_equal(layer.forward()[0, 0], [[37, 47], [67, 77]])


def test_groups_do_not_mix() -> None:
    layer = convolution(
        "num_output: 2 kernel_size: 1 group: 2 bias_term: false", np.ones((1, 2, 1, 1)) * [[[[5]], [[7]]]]
    )
    assert layer.params[0].shape == (2, 1, 1, 1)
    layer.params[0][...] = 1
    np.testing.assert_array_equal(layer.forward().ravel(), [5, 7])


def test_deconvolution_spreads_the_kernel() -> None:
    layer = convolution("num_output: 1 kernel_size: 2 stride: 2 bias_term: false", [[[[1, 10]]]], kind="Deconvolution")
    layer.params[0][...] = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(layer.forward()[0, 0], [[1, 2, 10, 20], [3, 4, 30, 40]])


def test_im2col_lists_windows_in_kernel_order() -> None:
    layer = convolution("kernel_size: 2", np.arange(6).reshape(1, 1, 2, 3), kind="Im2col")
    np.testing.assert_array_equal(layer.forward()[0, :, 0, :], [[0, 1], [1, 2], [3, 4], [4, 5]])


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_gradients(kind: str) -> None:
    filler = 'weight_filler { type: "gaussian" }'
    convolution(
        f"num_output: 2 kernel_size: 3 stride: 2 pad: 1 {filler}", normal(1, 2, 4, 5), kind=kind
    ).check_gradients()


def test_parameter_gradients_add_up() -> None:
    layer = convolution(
        'num_output: 1 kernel_size: 1 weight_filler { value: 1 type: "constant" }', np.ones((1, 1, 2, 2))
    )
    layer.forward()
    layer.backward()
    layer.backward()
    assert layer.layer.blobs[0].diff.item() == 8 and layer.layer.blobs[1].diff.item() == 8


def test_follows_a_new_bottom_shape() -> None:
    layer = convolution("num_output: 2 kernel_size: 3", normal(1, 1, 5, 5))
    layer.forward()
    layer.bottoms[0].reshape(3, 1, 7, 6)
    assert layer.forward().shape == (3, 2, 5, 4)


@pytest.mark.parametrize(
    "text, message",
    [
        ("num_output: 3 kernel_size: 3 group: 2", "must divide"),
        ("num_output: 2", "kernel_size is missing"),
        ("num_output: 2 kernel_size: 9", "does not fit"),
        ("num_output: 2 kernel_size: 1 kernel_size: 1 kernel_size: 1", "3 values for 2 spatial axes"),
        ("num_output: 2 kernel_size: 1 stride: 0", "stride"),
        ("kernel_size: 1", "num_output 0"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(CaffeError, match=message) as error:
        convolution(text, normal(1, 2, 4, 4)).forward()
    assert "'it'" in str(error.value)
