"""LRN, BatchNorm, MVN, Scale, Bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter
from caffe_torch.export.subgraph import Shape

#: The largest alpha up to which LRN is one node: onnxruntime moves its window by differences, which costs digits where
#: the sums outweigh k.
_SMALL = 0.01


@converter("LRN")
def lrn(graph: LayerGraph) -> list[str]:
    param, x = graph.param.lrn_param, graph.inputs[0]
    size, half = param.local_size, param.local_size // 2
    if param.norm_region == param.ACROSS_CHANNELS and param.alpha <= _SMALL:
        return [graph.node("LRN", x, size=size, alpha=param.alpha, beta=param.beta, bias=param.k)]
    squares = graph.node("Mul", x, x)
    if param.norm_region == param.ACROSS_CHANNELS:
        planes, window = graph.node("Unsqueeze", squares, graph.indices(1)), [size, 1, 1]
        mean = graph.node("AveragePool", planes, kernel_shape=window, pads=[half, 0, 0] * 2, count_include_pad=1)
        mean, k = graph.node("Squeeze", mean, graph.indices(1)), param.k
    else:
        # Caffe takes k = 1 within a channel, and divides by the whole window at the edges too.
        mean, k = (
            graph.node("AveragePool", squares, kernel_shape=[size, size], pads=[half] * 4, count_include_pad=1),
            1.0,
        )
    return [
        graph.node(
            "Mul", x, graph.node("Pow", graph.shifted(graph.scaled(mean, param.alpha), k), graph.constant(-param.beta))
        )
    ]


@converter("BatchNorm")
def batch_norm(graph: LayerGraph) -> list[str]:
    param, x, shape = graph.param.batch_norm_param, graph.inputs[0], graph.bottoms[0]
    if not graph.layer.global_stats:
        return [_standardised(graph, x, [0, *range(2, len(shape))], param.eps, outside=False)]
    mean, variance, weight = graph.layer_node.blobs
    factor = 0.0 if weight.item() == 0 else 1 / weight.item()
    mean, variance = mean * np.float32(factor), variance * np.float32(factor)
    if len(shape) < 2:
        scale = 1 / np.sqrt(variance.item() + param.eps)
        return [graph.scaled(graph.shifted(x, -mean.item()), scale)]
    ones = [graph.constant(np.ones_like(mean)), graph.constant(np.zeros_like(mean))]
    return [
        graph.node("BatchNormalization", x, *ones, graph.constant(mean), graph.constant(variance), epsilon=param.eps)
    ]


@converter("MVN")
def mvn(graph: LayerGraph) -> list[str]:
    """Over each image's channels, or over all of them; eps is added to the deviation."""
    param, x, shape = graph.param.mvn_param, graph.inputs[0], graph.bottoms[0]
    four = Shape((*shape.sizes, *(1,) * (4 - len(shape))), (*shape.others, *(1,) * (4 - len(shape))))
    axes = [1, 2, 3] if param.across_channels else [2, 3]
    x = graph.reshape(x, shape, four)
    if param.normalize_variance:
        return [_standardised(graph, x, axes, param.eps, outside=True)]
    return [graph.node("Sub", x, graph.node("ReduceMean", x, axes=axes, keepdims=1))]


def _standardised(graph: LayerGraph, x: str, axes: list[int], eps: float, outside: bool) -> str:
    """``x`` with mean 0 and deviation 1 over the axes; ``eps`` is added to the deviation or to the variance in it."""
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, axes=axes, keepdims=1))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes=axes, keepdims=1)
    if outside:
        return graph.node("Div", centred, graph.shifted(graph.node("Sqrt", variance), eps))
    return graph.node("Div", centred, graph.node("Sqrt", graph.shifted(variance, eps)))


def _operand(graph: LayerGraph, index: int, axis: int) -> str:
    """Bottom 1, or parameter ``index``, with ones behind it so that it lies on the bottom's axes from ``axis`` on."""
    if index < 0:
        shape, x = graph.bottoms[1], graph.inputs[1]
        behind = len(graph.bottoms[0]) - axis - len(shape) if len(shape) else 0
        return graph.node("Unsqueeze", x, graph.indices(*range(len(shape), len(shape) + behind))) if behind else x
    sizes = graph.layer_node.blobs[index].shape
    behind = len(graph.bottoms[0]) - axis - len(sizes) if sizes else 0
    return graph.blob(index, (*sizes, *(1,) * behind))


def _axis(graph: LayerGraph, settings: Any) -> int:
    return settings.axis % len(graph.bottoms[0])


@converter("Scale")
def scale(graph: LayerGraph) -> list[str]:
    param, two = graph.param.scale_param, len(graph.inputs) > 1
    y = graph.node("Mul", graph.inputs[0], _operand(graph, -1 if two else 0, _axis(graph, param)))
    return [
        graph.node("Add", y, _operand(graph, len(graph.layer_node.blobs) - 1, _axis(graph, param)))
        if param.bias_term
        else y
    ]


@converter("Bias")
def bias(graph: LayerGraph) -> list[str]:
    operand = _operand(graph, -1 if len(graph.inputs) > 1 else 0, _axis(graph, graph.param.bias_param))
    return [graph.node("Add", graph.inputs[0], operand)]
