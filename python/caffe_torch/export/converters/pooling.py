"""Pooling and SPP, whose windows round up and are cut where the padding ends, as Caffe's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter
from caffe_torch.export.subgraph import Shape
from caffe_torch.layers.pooling import PoolingWindow

#: The padding value of max pooling, so that padding is never the maximum.
_LOWEST = float(np.finfo(np.float32).min)


def _shape(window: PoolingWindow, shape: Shape) -> Shape:
    """The output shape of pooling an input of ``shape``."""

    def after(sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (*sizes[:2], *window.output((sizes[2], sizes[3])))

    return Shape(after(shape.sizes), after(shape.others))


def _end_padding(graph: LayerGraph, window: PoolingWindow, shape: Shape) -> list[int]:
    """Padding below and on the right with which ONNX, which rounds down, has as many windows as Caffe."""
    end_pad = []
    for i, (k, s, p) in enumerate(zip(window.kernel, window.stride, window.pad)):
        size = shape[2 + i]
        needed = (window.output((shape[2], shape[3]))[i] - 1) * s + k - size - p
        if shape.varies(2 + i):
            # Padding by one pixel less than the stride rounds up at every size, unless Caffe drops the last window.
            needed = p if window.floor else p + s - 1
            if not window.floor and any(window.pad) and p + s > k:
                raise graph.fail("drops a last window at some sizes: export with fixed height and width")
        end_pad.append(max(needed, 0))
    return end_pad


def _padded(graph: LayerGraph, x: str, begin_pad: Sequence[int], end_pad: Sequence[int], value: float) -> str:
    pads = graph.indices(0, 0, *begin_pad, 0, 0, *end_pad)
    return graph.node("Pad", x, pads, graph.constant(value), mode="constant")


def pool_max(graph: LayerGraph, x: str, window: PoolingWindow, shape: Shape, mask: bool = False) -> list[str]:
    """The maxima and, if wanted, their positions in the plane."""
    end_pad, pad = _end_padding(graph, window, shape), list(window.pad)
    if any(f >= k for f, k in zip(end_pad, window.kernel)):
        # A window lies wholly in the padding. ONNX forbids this in the pooling's own pads: a Pad node comes first.
        if mask:
            raise graph.fail("has windows without a pixel, whose mask ONNX cannot express")
        x, pad, end_pad = _padded(graph, x, pad, end_pad, _LOWEST), [0, 0], [0, 0]
    attributes = dict(kernel_shape=list(window.kernel), strides=list(window.stride), pads=[*pad, *end_pad])
    if not mask:
        return [graph.node("MaxPool", x, **attributes)]
    graph.require_fixed(shape, 2, 3)
    y, index = graph.nodes("MaxPool", x, outputs=2, **attributes)
    # ONNX numbers positions over all planes, Caffe within each plane.
    return [y, graph.as_float(graph.node("Mod", index, graph.constant(shape[2] * shape[3], np.int64)))]


def pool_average(graph: LayerGraph, x: str, window: PoolingWindow, shape: Shape) -> str:
    """The means; the padding counts as zeros, but not what lies beyond it."""
    end_pad = _end_padding(graph, window, shape)
    sizes = dict(kernel_shape=list(window.kernel), strides=list(window.stride), count_include_pad=1)
    y, pad = x, list(window.pad)
    if any(f >= k for f, k in zip(end_pad, window.kernel)):
        y, pad, end_pad = _padded(graph, x, pad, end_pad, 0.0), [0, 0], [0, 0]
    y = graph.node("AveragePool", y, pads=[*pad, *end_pad], **sizes)
    if not any(shape.varies(axis) for axis in (2, 3)):
        share = _share(window, (shape[2], shape[3]))
        return y if (share == 1).all() else graph.node("Div", y, graph.constant(share[None, None]))
    beyond = [0 if window.floor else s - 1 for s in window.stride]
    if not any(beyond):
        return y
    # The share of each window that lies within the padding: the mean of ones there, of zeros beyond.
    plane = graph.slice(graph.slice(x, 0, 0, 1), 1, 0, 1)
    zeros = graph.node("Sub", plane, plane)
    ones = _padded(graph, graph.node("Exp", zeros), window.pad, window.pad, 1.0)
    return graph.node("Div", y, graph.node("AveragePool", ones, pads=[0, 0, *beyond], **sizes))


def _share(window: PoolingWindow, spatial: tuple[int, int]) -> np.ndarray:
    """The share of each window that lies within the padded image, (rows, columns)."""
    sides = []
    for n, k, s, p, o in zip(spatial, window.kernel, window.stride, window.pad, window.output(spatial)):
        start = np.arange(o) * s - p
        sides.append((np.minimum(start + k, n + p) - start) / k)
    return (sides[0][:, None] * sides[1][None, :]).astype(np.float32)


def pool(
    graph: LayerGraph, x: str, window: PoolingWindow, shape: Shape, settings: Any, mask: bool = False
) -> list[str]:
    """Pooling by the method of a PoolingParameter or SPPParameter."""
    method = settings.pool
    if method == settings.MAX:
        return pool_max(graph, x, window, shape, mask)
    if method == settings.AVE:
        return [pool_average(graph, x, window, shape)]
    # STOCHASTIC when testing: the mean of a window's values, weighted by themselves.
    squares, values = (pool_average(graph, v, window, shape) for v in (graph.node("Mul", x, x), x))
    above = graph.node("Greater", values, graph.constant(0.0))
    quotient = graph.node("Div", squares, graph.node("Where", above, values, graph.constant(1.0)))
    return [quotient]


@converter("Pooling")
def pooling(graph: LayerGraph) -> list[str]:
    param, shape = graph.param.pooling_param, graph.bottoms[0]
    if param.global_pooling and param.pool != param.STOCHASTIC and len(graph.tops) == 1:
        return [graph.node("GlobalMaxPool" if param.pool == param.MAX else "GlobalAveragePool", graph.inputs[0])]
    if param.global_pooling:
        graph.require_fixed(shape, 2, 3)
    return pool(graph, graph.inputs[0], graph.layer.window, shape, param, mask=len(graph.tops) > 1)


@converter("SPP")
def spp(graph: LayerGraph) -> list[str]:
    param, shape, x = graph.param.spp_param, graph.bottoms[0], graph.inputs[0]
    graph.require_fixed(shape, 2, 3)  # the bins divide the size that there is
    levels = [pool(graph, x, window, shape, param)[0] for window in graph.layer.windows]
    if len(levels) == 1:
        return levels
    return [graph.node("Concat", *(graph.node("Flatten", level, axis=1) for level in levels), axis=1)]
