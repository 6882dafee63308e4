"""Convolutions by way of the Fourier transform against the direct sum in float64."""

import pytest
import torch

from caffe_torch.layers.fast.fourier import FourierConvolution, worthwhile

CASES = [
    # n, channels, outputs, size, kernel, pad, group
    (3, 4, 6, (7, 9), (3, 5), (1, 2), 2),
    (2, 3, 5, (8, 8), (5, 5), (2, 2), 1),
    (2, 4, 4, (9, 6), (4, 3), (0, 0), 4),  # an even kernel, no padding
    (1, 2, 3, (13, 13), (3, 3), (2, 2), 1),  # the output is larger than the input
    (2, 2, 2, (5, 6), (1, 1), (0, 0), 1),
    (2, 2, 2, (4, 4), (4, 4), (3, 3), 1),
]


def relative(values: torch.Tensor, true: torch.Tensor) -> float:
    return float((values.double() - true).abs().max() / true.abs().max())


@pytest.mark.parametrize("n,channels,outputs,size,kernel,pad,group", CASES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_output_and_gradients_are_those_of_the_direct_sum(n, channels, outputs, size, kernel, pad, group, with_bias):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, channels, *size, generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(outputs, channels // group, *kernel, generator=generator)
    bias = torch.randn(outputs, generator=generator) if with_bias else None
    xd, wd = x.double().requires_grad_(), weight.double().requires_grad_()
    true = torch.nn.functional.conv2d(xd, wd, None if bias is None else bias.double(), 1, pad, 1, group)
    way = FourierConvolution(size, kernel, pad, group)
    y = torch.empty(true.shape, memory_format=torch.channels_last)
    way.forward(x, weight, bias, y)
    assert relative(y, true.detach()) < 2e-6
    dy = torch.randn(true.shape, generator=generator).contiguous(memory_format=torch.channels_last)
    true.backward(dy.double())
    dx, dw = torch.empty_like(x), torch.empty_like(weight)
    way.backward(x, weight, dy, dx, dw)
    assert relative(dx, xd.grad) < 2e-6
    assert relative(dw, wd.grad) < 2e-6
    only_dx, only_dw = torch.empty_like(x), torch.empty_like(weight)
    way.backward(x, weight, dy, only_dx, None)
    way.backward(x, weight, dy, None, only_dw)
    assert torch.equal(only_dx, dx) and torch.equal(only_dw, dw)


def test_it_is_taken_for_the_layers_of_alexnet_and_left_where_it_does_not_pay():
    conv2, conv5 = ((64, 96, 27, 27), (256, 48, 5, 5)), ((64, 384, 13, 13), (256, 192, 3, 3))
    assert worthwhile(*conv2, (2, 2), 2) and worthwhile(*conv5, (1, 1), 2)
    assert not worthwhile((64, 64, 28, 28), (64, 64, 1, 1), (0, 0), 1)
    assert not worthwhile((1, 96, 27, 27), (256, 48, 5, 5), (2, 2), 2)  # one image: the weights' transform costs more
    assert not worthwhile((64, 3, 224, 224), (64, 3, 3, 3), (1, 1), 1)
    assert not worthwhile((64, 8, 8, 8), (8, 8, 2, 2), (2, 2), 1)  # padding as wide as the kernel
