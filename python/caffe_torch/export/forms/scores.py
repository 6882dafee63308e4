"""ArgMax and Accuracy."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form, integers_below
from caffe_torch.export.source import Shape


@form("ArgMax")
def argmax(g: Group) -> list[str]:
    """Of equal values the last comes first."""
    param, x, bottom, top = g.param.argmax_param, g.inputs[0], g.bottoms[0], g.tops[0]
    axis = g.layer.axis
    if axis is None:
        flat = Shape(*((s[0], int(np.prod(s[1:]))) for s in (bottom.sizes, bottom.others)))
        x, bottom, axis = g.reshape(x, bottom, flat), flat, 1
    if param.top_k == 1 and not param.out_max_val:
        index = g.real(g.node("ArgMax", x, axis=axis, keepdims=1, select_last_index=1))
        return [index if g.layer.axis is not None else g.reshape(index, _cut(bottom, axis, 1), top)]
    g.fixed(bottom, axis)
    # TopK takes the first of equal values: from behind, it is the last.
    reverse = g.slice(x, axis, -1, -(2**31), -1)
    values, index = g.nodes("TopK", reverse, g.indices(param.top_k), outputs=2, axis=axis)
    index = g.node("Sub", g.constant(bottom[axis] - 1), g.real(index))
    if g.layer.axis is not None:
        return [values if param.out_max_val else index]
    if not param.out_max_val:
        return [g.reshape(index, _cut(bottom, axis, param.top_k), top)]
    both = g.node("Concat", *(g.node("Unsqueeze", v, g.indices(1)) for v in (index, values)), axis=1)
    pairs = Shape(*((s[0], 2, param.top_k) for s in (bottom.sizes, bottom.others)))
    return [g.reshape(both, pairs, top)]


def _cut(shape: Shape, axis: int, size: int) -> Shape:
    return Shape(*((*s[:axis], size, *s[axis + 1 :]) for s in (shape.sizes, shape.others)))


@form("Accuracy", draws={1: integers_below(lambda step: step.layer.classes)})
def accuracy(g: Group) -> list[str]:
    """An equal score counts as better."""
    param, layer = g.param.accuracy_param, g.layer
    scores, labels = rows(g, layer.axis)
    counts = None
    if param.HasField("ignore_label"):
        counts = g.node("Not", g.node("Equal", labels, g.constant(param.ignore_label, np.int64)))
        labels = g.node("Where", counts, labels, g.constant(0, np.int64))
    own = g.node("GatherElements", scores, labels, axis=1)
    better = g.node("ReduceSum", g.real(g.node("GreaterOrEqual", scores, own)), g.indices(1), keepdims=1)
    right = g.node("LessOrEqual", better, g.constant(param.top_k))
    right = right if counts is None else g.node("And", right, counts)
    everything = g.node("Equal", labels, labels) if counts is None else counts
    tops = [_ratio(g, right, everything, [0, 1, 2])]
    if len(g.tops) > 1:
        classes = g.constant(np.arange(layer.classes).reshape(1, -1, 1), np.int64)
        of_class = g.node("Equal", labels, classes)
        hit, seen = (g.node("And", of_class, what) for what in (right, everything))
        tops.append(_ratio(g, hit, seen, [0, 2]))
    return tops


def _ratio(g: Group, some: str, all_of: str, axes: list[int]) -> str:
    part, whole = (g.node("ReduceSum", g.real(x), g.indices(*axes), keepdims=0) for x in (some, all_of))
    return g.node("Div", part, g.node("Max", whole, g.constant(1.0)))


def rows(g: Group, axis: int) -> tuple[str, str]:
    """Scores as (outer, classes, inner) and labels as whole numbers (outer, 1, inner)."""
    shape = g.bottoms[0]
    if shape.varies(axis):
        g.fixed(shape, axis)
    inner = int(np.prod(shape.sizes[axis + 1 :]))
    g.fixed(shape, *range(axis + 1, len(shape)))
    scores = g.node("Reshape", g.inputs[0], g.indices(-1, shape[axis], inner))
    return scores, g.whole(g.node("Reshape", g.inputs[1], g.indices(-1, 1, inner)))
