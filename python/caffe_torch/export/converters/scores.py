"""ArgMax and Accuracy."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter, integers_below
from caffe_torch.export.subgraph import Shape


@converter("ArgMax")
def argmax(graph: LayerGraph) -> list[str]:
    """Of equal values the last comes first."""
    param, x, bottom, top = graph.param.argmax_param, graph.inputs[0], graph.bottoms[0], graph.tops[0]
    axis = graph.layer.axis
    if axis is None:
        flat = Shape(*((s[0], int(np.prod(s[1:]))) for s in (bottom.sizes, bottom.others)))
        x, bottom, axis = graph.reshape(x, bottom, flat), flat, 1
    if param.top_k == 1 and not param.out_max_val:
        index = graph.as_float(graph.node("ArgMax", x, axis=axis, keepdims=1, select_last_index=1))
        return [index if graph.layer.axis is not None else graph.reshape(index, _cut(bottom, axis, 1), top)]
    graph.require_fixed(bottom, axis)
    # TopK takes the first of equal values, Caffe the last: so the axis is reversed.
    reverse = graph.slice(x, axis, -1, -(2**31), -1)
    values, index = graph.nodes("TopK", reverse, graph.indices(param.top_k), outputs=2, axis=axis)
    index = graph.node("Sub", graph.constant(bottom[axis] - 1), graph.as_float(index))
    if graph.layer.axis is not None:
        return [values if param.out_max_val else index]
    if not param.out_max_val:
        return [graph.reshape(index, _cut(bottom, axis, param.top_k), top)]
    both = graph.node("Concat", *(graph.node("Unsqueeze", v, graph.indices(1)) for v in (index, values)), axis=1)
    pairs = Shape(*((s[0], 2, param.top_k) for s in (bottom.sizes, bottom.others)))
    return [graph.reshape(both, pairs, top)]


def _cut(shape: Shape, axis: int, size: int) -> Shape:
    return Shape(*((*s[:axis], size, *s[axis + 1 :]) for s in (shape.sizes, shape.others)))


@converter("Accuracy", test_values={1: integers_below(lambda layer_node: layer_node.layer.classes)})
def accuracy(graph: LayerGraph) -> list[str]:
    """An equal score counts as better."""
    param, layer = graph.param.accuracy_param, graph.layer
    scores, labels = rows(graph, layer.axis)
    counts = None
    if param.HasField("ignore_label"):
        counts = graph.node("Not", graph.node("Equal", labels, graph.constant(param.ignore_label, np.int64)))
        labels = graph.node("Where", counts, labels, graph.constant(0, np.int64))
    own_score = graph.node("GatherElements", scores, labels, axis=1)
    better = graph.node(
        "ReduceSum", graph.as_float(graph.node("GreaterOrEqual", scores, own_score)), graph.indices(1), keepdims=1
    )
    correct = graph.node("LessOrEqual", better, graph.constant(param.top_k))
    correct = correct if counts is None else graph.node("And", correct, counts)
    counted = graph.node("Equal", labels, labels) if counts is None else counts
    tops = [_ratio(graph, correct, counted, [0, 1, 2])]
    if len(graph.tops) > 1:
        classes = graph.constant(np.arange(layer.classes).reshape(1, -1, 1), np.int64)
        of_class = graph.node("Equal", labels, classes)
        hits, images = (graph.node("And", of_class, selected) for selected in (correct, counted))
        tops.append(_ratio(graph, hits, images, [0, 2]))
    return tops


def _ratio(graph: LayerGraph, numerator: str, denominator: str, axes: list[int]) -> str:
    """The count of ``numerator`` by that of ``denominator``, both bool, over the axes; 0 where both are 0."""

    def count(flags: str) -> str:
        return graph.node("ReduceSum", graph.as_float(flags), graph.indices(*axes), keepdims=0)

    return graph.node("Div", count(numerator), graph.node("Max", count(denominator), graph.constant(1.0)))


def rows(graph: LayerGraph, axis: int) -> tuple[str, str]:
    """Scores as (outer, classes, inner) and labels as whole numbers (outer, 1, inner)."""
    shape = graph.bottoms[0]
    if shape.varies(axis):
        graph.require_fixed(shape, axis)
    inner = int(np.prod(shape.sizes[axis + 1 :]))
    graph.require_fixed(shape, *range(axis + 1, len(shape)))
    scores = graph.node("Reshape", graph.inputs[0], graph.indices(-1, shape[axis], inner))
    return scores, graph.as_int(graph.node("Reshape", graph.inputs[1], graph.indices(-1, 1, inner)))
