"""Losses, for nets of the TEST phase that score themselves; ignored labels and normalisation as Caffe's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from caffe_torch.export.converters.scores import rows
from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter, integers_below
from caffe_torch.export.subgraph import LayerNode

#: Floors below which Caffe takes no logarithm.
_FLT_MIN = float(np.finfo(np.float32).tiny)
_LOG_THRESHOLD = 1e-20


def _total(graph: LayerGraph, x: str) -> str:
    return graph.node("ReduceSum", x, keepdims=0)


def _size(graph: LayerGraph, x: str) -> str:
    """The number of elements of a value."""
    return graph.as_float(graph.node("Size", x))


def _first(graph: LayerGraph, x: str) -> str:
    """The size of the first axis."""
    return graph.as_float(graph.node("Squeeze", graph.slice(graph.node("Shape", x), 0, 0, 1), graph.indices(0)))


def _normalizer(graph: LayerGraph, default: int, all_labels: str, counted: str | None, outer: Callable[[], str]) -> str:
    """What the summed loss is divided by, at least 1."""
    param = graph.param.loss_param
    mode = default
    if param.HasField("normalization"):
        mode = param.normalization
    elif param.HasField("normalize"):
        mode = param.VALID if param.normalize else param.BATCH_SIZE
    if mode == param.NONE:
        return graph.constant(1.0)
    if mode == param.VALID and counted is not None:
        number = _total(graph, graph.as_float(counted))
    elif mode == param.BATCH_SIZE:
        number = outer()
    else:
        number = _size(graph, all_labels)
    return graph.node("Max", number, graph.constant(1.0))


def _counted(graph: LayerGraph, labels: str) -> str | None:
    """Where labels, cut to whole numbers, are not ``ignore_label``; None where the layer has none."""
    if not graph.param.loss_param.HasField("ignore_label"):
        return None
    return graph.node(
        "Not", graph.node("Equal", graph.as_int(labels), graph.constant(graph.param.loss_param.ignore_label, np.int64))
    )


def _loss(graph: LayerGraph, losses: str, counted: str | None, normalizer: str) -> str:
    if counted is not None:
        losses = graph.node("Where", counted, losses, graph.constant(0.0))
    return graph.node("Div", _total(graph, losses), normalizer)


@converter(
    "SigmoidCrossEntropyLoss", test_values={1: lambda layer_node, random, shape: random.random(shape, np.float32)}
)
def sigmoid_cross_entropy(graph: LayerGraph) -> list[str]:
    x, t = graph.inputs[0], graph.reshape(graph.inputs[1], graph.bottoms[1], graph.bottoms[0])
    # max(x, 0) - x t + log(1 + exp(-|x|)), which overflows nowhere.
    tail = graph.node("Softplus", graph.node("Neg", graph.node("Abs", x)))
    losses = graph.node("Add", graph.node("Sub", graph.node("Relu", x), graph.node("Mul", x, t)), tail)
    counted = _counted(graph, t)
    normalizer = _normalizer(graph, graph.param.loss_param.BATCH_SIZE, t, counted, lambda: _first(graph, x))
    return [_loss(graph, losses, counted, normalizer)]


def _classes(layer_node: LayerNode) -> int:
    return layer_node.layer.classes


def _softmax(graph: LayerGraph) -> tuple[str, str, str | None, str]:
    """Probabilities (outer, classes, inner), labels (outer, 1, inner), which of them count, and the normalizer."""
    scores, labels = rows(graph, graph.layer.axis)
    probabilities = graph.node("Softmax", scores, axis=1)
    counted = _counted(graph, labels)
    if counted is not None:
        labels = graph.node("Where", counted, labels, graph.constant(0, np.int64))
    normalizer = _normalizer(graph, graph.param.loss_param.VALID, labels, counted, lambda: _first(graph, scores))
    return probabilities, labels, counted, normalizer


def _probabilities(graph: LayerGraph) -> list[str]:
    """The second top, where there is one."""
    return [graph.node("Softmax", graph.inputs[0], axis=graph.layer.axis)] if len(graph.tops) > 1 else []


@converter("SoftmaxWithLoss", test_values={1: integers_below(_classes)})
def softmax_with_loss(graph: LayerGraph) -> list[str]:
    probabilities, labels, counted, normalizer = _softmax(graph)
    own = graph.node("Max", graph.node("GatherElements", probabilities, labels, axis=1), graph.constant(_FLT_MIN))
    return [_loss(graph, graph.node("Neg", graph.node("Log", own)), counted, normalizer), *_probabilities(graph)]


@converter("InfogainLoss", test_values={1: integers_below(_classes)})
def infogain(graph: LayerGraph) -> list[str]:
    probabilities, labels, counted, normalizer = _softmax(graph)
    classes = graph.layer.classes
    given = graph.inputs[2] if len(graph.inputs) > 2 else graph.constant(graph.layer._matrix.numpy())
    matrix = graph.node("Reshape", given, graph.indices(classes, classes))
    rows_of_labels = graph.node("Gather", matrix, graph.node("Squeeze", labels, graph.indices(1)), axis=0)
    weights = graph.node("Transpose", rows_of_labels, perm=[0, 2, 1])
    logarithms = graph.node("Log", graph.node("Max", probabilities, graph.constant(_LOG_THRESHOLD)))
    losses = graph.node(
        "Neg", graph.node("ReduceSum", graph.node("Mul", weights, logarithms), graph.indices(1), keepdims=1)
    )
    return [_loss(graph, losses, counted, normalizer), *_probabilities(graph)]


def _items(layer_node: LayerNode) -> int:
    return int(np.prod(layer_node.bottom_shapes[0].sizes[1:]))


def _flat(graph: LayerGraph) -> tuple[str, str]:
    """Scores (items, classes) and labels (items, 1)."""
    labels = graph.as_int(graph.node("Reshape", graph.inputs[1], graph.indices(-1, 1)))
    return graph.node("Flatten", graph.inputs[0], axis=1), labels


@converter("MultinomialLogisticLoss", test_values={
    0: lambda layer_node, random, shape: random.uniform(0.01, 1, shape).astype(np.float32), 1: integers_below(_items),
})  # fmt: skip
def multinomial(graph: LayerGraph) -> list[str]:
    p, labels = _flat(graph)
    own = graph.node("Max", graph.node("GatherElements", p, labels, axis=1), graph.constant(_LOG_THRESHOLD))
    return [graph.node("Div", _total(graph, graph.node("Neg", graph.node("Log", own))), _first(graph, p))]


@converter("HingeLoss", test_values={1: integers_below(_items)})
def hinge(graph: LayerGraph) -> list[str]:
    x, labels = _flat(graph)
    own = graph.node("Equal", labels, graph.constant(np.arange(_items(graph.layer_node))[None], np.int64))
    signs = graph.node("Where", own, graph.constant(-1.0), graph.constant(1.0))
    margin = graph.node("Relu", graph.shifted(graph.node("Mul", signs, x), 1.0))
    if graph.param.hinge_loss_param.norm == graph.param.hinge_loss_param.L2:
        margin = graph.node("Mul", margin, margin)
    return [graph.node("Div", _total(graph, margin), _first(graph, x))]


@converter("EuclideanLoss")
def euclidean(graph: LayerGraph) -> list[str]:
    other = graph.reshape(graph.inputs[1], graph.bottoms[1], graph.bottoms[0])
    squares = graph.node("ReduceSumSquare", graph.node("Sub", graph.inputs[0], other), keepdims=0)
    return [graph.node("Div", squares, graph.scaled(_first(graph, graph.inputs[0]), 2))]


@converter("ContrastiveLoss", test_values={2: integers_below(lambda layer_node: 2)})
def contrastive(graph: LayerGraph) -> list[str]:
    param = graph.param.contrastive_loss_param
    difference = graph.node("Flatten", graph.node("Sub", graph.inputs[0], graph.inputs[1]), axis=1)
    squares = graph.node("ReduceSumSquare", difference, axes=[1], keepdims=0)
    # The older form's margin is one of squares.
    distance = squares if param.legacy_version else graph.node("Sqrt", squares)
    gap = graph.node("Relu", graph.node("Sub", graph.constant(param.margin), distance))
    apart = gap if param.legacy_version else graph.node("Mul", gap, gap)
    labels = graph.as_int(graph.node("Reshape", graph.inputs[2], graph.indices(-1)))
    alike = graph.node("Not", graph.node("Equal", labels, graph.constant(0, np.int64)))
    losses = graph.node("Where", alike, squares, apart)
    return [graph.node("Div", _total(graph, losses), graph.scaled(_first(graph, graph.inputs[0]), 2))]
