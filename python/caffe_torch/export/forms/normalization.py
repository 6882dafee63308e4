"""LRN, BatchNorm, MVN, Scale, Bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form
from caffe_torch.export.source import Shape

#: The largest alpha up to which LRN is one node: onnxruntime moves its window by differences, which costs digits where
#: the sums outweigh k.
_SMALL = 0.01


@form("LRN")
def lrn(g: Group) -> list[str]:
    param, x = g.param.lrn_param, g.inputs[0]
    size, half = param.local_size, param.local_size // 2
    if param.norm_region == param.ACROSS_CHANNELS and param.alpha <= _SMALL:
        return [g.node("LRN", x, size=size, alpha=param.alpha, beta=param.beta, bias=param.k)]
    squares = g.node("Mul", x, x)
    if param.norm_region == param.ACROSS_CHANNELS:
        planes, window = g.node("Unsqueeze", squares, g.indices(1)), [size, 1, 1]
        mean = g.node("AveragePool", planes, kernel_shape=window, pads=[half, 0, 0] * 2, count_include_pad=1)
        mean, k = g.node("Squeeze", mean, g.indices(1)), param.k
    else:
        # Caffe takes k = 1 within a channel, and divides by the whole window at the edges too.
        mean, k = g.node("AveragePool", squares, kernel_shape=[size, size], pads=[half] * 4, count_include_pad=1), 1.0
    return [g.node("Mul", x, g.node("Pow", g.shifted(g.scaled(mean, param.alpha), k), g.constant(-param.beta)))]


@form("BatchNorm")
def batch_norm(g: Group) -> list[str]:
    param, x, shape = g.param.batch_norm_param, g.inputs[0], g.bottoms[0]
    if not g.layer.global_stats:
        return [_standardised(g, x, [0, *range(2, len(shape))], param.eps, outside=False)]
    mean, variance, weight = g.step.blobs
    factor = 0.0 if weight.item() == 0 else 1 / weight.item()
    mean, variance = mean * np.float32(factor), variance * np.float32(factor)
    if len(shape) < 2:
        scale = 1 / np.sqrt(variance.item() + param.eps)
        return [g.scaled(g.shifted(x, -mean.item()), scale)]
    ones = [g.constant(np.ones_like(mean)), g.constant(np.zeros_like(mean))]
    return [g.node("BatchNormalization", x, *ones, g.constant(mean), g.constant(variance), epsilon=param.eps)]


@form("MVN")
def mvn(g: Group) -> list[str]:
    """Over each image's channels, or over all of them; eps is added to the deviation."""
    param, x, shape = g.param.mvn_param, g.inputs[0], g.bottoms[0]
    four = Shape((*shape.sizes, *(1,) * (4 - len(shape))), (*shape.others, *(1,) * (4 - len(shape))))
    axes = [1, 2, 3] if param.across_channels else [2, 3]
    x = g.reshape(x, shape, four)
    if param.normalize_variance:
        return [_standardised(g, x, axes, param.eps, outside=True)]
    return [g.node("Sub", x, g.node("ReduceMean", x, axes=axes, keepdims=1))]


def _standardised(g: Group, x: str, axes: list[int], eps: float, outside: bool) -> str:
    """``x`` with mean 0 and deviation 1 over the axes; ``eps`` is added to the deviation or to the variance in it."""
    centred = g.node("Sub", x, g.node("ReduceMean", x, axes=axes, keepdims=1))
    variance = g.node("ReduceMean", g.node("Mul", centred, centred), axes=axes, keepdims=1)
    if outside:
        return g.node("Div", centred, g.shifted(g.node("Sqrt", variance), eps))
    return g.node("Div", centred, g.node("Sqrt", g.shifted(variance, eps)))


def _operand(g: Group, index: int, axis: int) -> str:
    """Bottom 1, or parameter ``index``, with ones behind it so that it lies on the bottom's axes from ``axis`` on."""
    if index < 0:
        shape, x = g.bottoms[1], g.inputs[1]
        behind = len(g.bottoms[0]) - axis - len(shape) if len(shape) else 0
        return g.node("Unsqueeze", x, g.indices(*range(len(shape), len(shape) + behind))) if behind else x
    sizes = g.step.blobs[index].shape
    behind = len(g.bottoms[0]) - axis - len(sizes) if sizes else 0
    return g.blob(index, (*sizes, *(1,) * behind))


def _axis(g: Group, settings: Any) -> int:
    return settings.axis % len(g.bottoms[0])


@form("Scale")
def scale(g: Group) -> list[str]:
    param, two = g.param.scale_param, len(g.inputs) > 1
    y = g.node("Mul", g.inputs[0], _operand(g, -1 if two else 0, _axis(g, param)))
    return [g.node("Add", y, _operand(g, len(g.step.blobs) - 1, _axis(g, param))) if param.bias_term else y]


@form("Bias")
def bias(g: Group) -> list[str]:
    operand = _operand(g, -1 if len(g.inputs) > 1 else 0, _axis(g, g.param.bias_param))
    return [g.node("Add", g.inputs[0], operand)]
