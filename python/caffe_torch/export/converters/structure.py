"""Layers that split, join, rename, pick and repeat: from Split to Filter."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import END, LayerGraph
from caffe_torch.export.registry import converter, integers_below


@converter("Split")
def split(graph: LayerGraph) -> list[str]:
    return graph.inputs * len(graph.tops)


@converter("Silence")
def silence(graph: LayerGraph) -> list[str]:
    return []


@converter("Slice")
def slice_(graph: LayerGraph) -> list[str]:
    layer, x = graph.layer, graph.inputs[0]
    if len(graph.tops) == 1:
        return [x]
    if not graph.bottoms[0].varies(layer.axis):
        return graph.nodes("Split", x, graph.indices(*layer.sizes), outputs=len(graph.tops), axis=layer.axis)
    points = [0, *graph.param.slice_param.slice_point]
    if len(points) == 1:
        return graph.nodes("Split", x, outputs=len(graph.tops), axis=layer.axis)
    return [graph.slice(x, layer.axis, start, end) for start, end in zip(points, [*points[1:], END])]


@converter("Concat")
def concat(graph: LayerGraph) -> list[str]:
    return [graph.node("Concat", *graph.inputs, axis=graph.layer.axis)]


@converter("Flatten", "Reshape")
def reshape(graph: LayerGraph) -> list[str]:
    return [graph.reshape(graph.inputs[0], graph.bottoms[0], graph.tops[0])]


@converter("Crop")
def crop(graph: LayerGraph) -> list[str]:
    like, where = graph.bottoms[1], graph.layer._where
    axes, starts = [axis for axis, _, _ in where], [start for _, start, _ in where]
    if any(like.varies(axis) for axis in axes):
        sizes = graph.slice(graph.node("Shape", graph.inputs[1]), 0, axes[0])
        ends = graph.node("Add", sizes, graph.indices(*starts))
    else:
        ends = graph.indices(*(start + size for _, start, size in where))
    return [graph.node("Slice", graph.inputs[0], graph.indices(*starts), ends, graph.indices(*axes))]


@converter("Tile")
def tile(graph: LayerGraph) -> list[str]:
    repeats = [1] * len(graph.bottoms[0])
    repeats[graph.layer.axis] = graph.param.tile_param.tiles
    return [graph.node("Tile", graph.inputs[0], graph.indices(*repeats))]


@converter("BatchReindex", test_values={1: integers_below(lambda layer_node: layer_node.bottom_shapes[0][0])})
def batch_reindex(graph: LayerGraph) -> list[str]:
    return [graph.node("Gather", graph.inputs[0], graph.as_int(graph.inputs[1]), axis=0)]


def _selectors(layer_node: object, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """0 and 1, at least one of them 1."""
    drawn = random.integers(0, 2, shape).astype(np.float32)
    drawn.reshape(-1)[:1] = 1
    return drawn


@converter("Filter", test_values={k: _selectors for k in range(-1, 0)})
def filter_(graph: LayerGraph) -> list[str]:
    flat = graph.node("Reshape", graph.inputs[-1], graph.indices(-1))
    chosen = graph.node("Not", graph.node("Equal", flat, graph.constant(0.0)))
    return [graph.node("Compress", x, chosen, axis=0) for x in graph.inputs[:-1]]
