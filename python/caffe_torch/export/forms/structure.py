"""Layers that split, join, rename, pick and repeat: from Split to Filter."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import END, Group
from caffe_torch.export.registry import form, integers_below


@form("Split")
def split(g: Group) -> list[str]:
    return g.inputs * len(g.tops)


@form("Silence")
def silence(g: Group) -> list[str]:
    return []


@form("Slice")
def slice_(g: Group) -> list[str]:
    layer, x = g.layer, g.inputs[0]
    if len(g.tops) == 1:
        return [x]
    if not g.bottoms[0].varies(layer.axis):
        return g.nodes("Split", x, g.indices(*layer.sizes), outputs=len(g.tops), axis=layer.axis)
    points = [0, *g.param.slice_param.slice_point]
    if len(points) == 1:
        return g.nodes("Split", x, outputs=len(g.tops), axis=layer.axis)
    return [g.slice(x, layer.axis, start, end) for start, end in zip(points, [*points[1:], END])]


@form("Concat")
def concat(g: Group) -> list[str]:
    return [g.node("Concat", *g.inputs, axis=g.layer.axis)]


@form("Flatten", "Reshape")
def reshape(g: Group) -> list[str]:
    return [g.reshape(g.inputs[0], g.bottoms[0], g.tops[0])]


@form("Crop")
def crop(g: Group) -> list[str]:
    like, where = g.bottoms[1], g.layer._where
    axes, starts = [axis for axis, _, _ in where], [start for _, start, _ in where]
    if any(like.varies(axis) for axis in axes):
        sizes = g.slice(g.node("Shape", g.inputs[1]), 0, axes[0])
        ends = g.node("Add", sizes, g.indices(*starts))
    else:
        ends = g.indices(*(start + size for _, start, size in where))
    return [g.node("Slice", g.inputs[0], g.indices(*starts), ends, g.indices(*axes))]


@form("Tile")
def tile(g: Group) -> list[str]:
    repeats = [1] * len(g.bottoms[0])
    repeats[g.layer.axis] = g.param.tile_param.tiles
    return [g.node("Tile", g.inputs[0], g.indices(*repeats))]


@form("BatchReindex", draws={1: integers_below(lambda step: step.bottom_shapes[0][0])})
def batch_reindex(g: Group) -> list[str]:
    return [g.node("Gather", g.inputs[0], g.whole(g.inputs[1]), axis=0)]


def _selectors(step: object, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """0 and 1, at least one of them 1."""
    drawn = random.integers(0, 2, shape).astype(np.float32)
    drawn.reshape(-1)[:1] = 1
    return drawn


@form("Filter", draws={k: _selectors for k in range(-1, 0)})
def filter_(g: Group) -> list[str]:
    flat = g.node("Reshape", g.inputs[-1], g.indices(-1))
    chosen = g.node("Not", g.node("Equal", flat, g.constant(0.0)))
    return [g.node("Compress", x, chosen, axis=0) for x in g.inputs[:-1]]
