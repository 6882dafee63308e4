"""Losses, for nets of the TEST phase that score themselves; ignored labels and normalisation as Caffe's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from caffe_torch.export.forms.scores import rows
from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form, integers_below
from caffe_torch.export.source import Step

#: Floors below which Caffe takes no logarithm.
_FLT_MIN = float(np.finfo(np.float32).tiny)
_LOG_THRESHOLD = 1e-20


def _total(g: Group, x: str) -> str:
    return g.node("ReduceSum", x, keepdims=0)


def _size(g: Group, x: str) -> str:
    """The number of elements of a value."""
    return g.real(g.node("Size", x))


def _first(g: Group, x: str) -> str:
    """The size of the first axis."""
    return g.real(g.node("Squeeze", g.slice(g.node("Shape", x), 0, 0, 1), g.indices(0)))


def _normalizer(g: Group, default: int, all_labels: str, counted: str | None, outer: Callable[[], str]) -> str:
    """What the summed loss is divided by, at least 1."""
    param = g.param.loss_param
    mode = default
    if param.HasField("normalization"):
        mode = param.normalization
    elif param.HasField("normalize"):
        mode = param.VALID if param.normalize else param.BATCH_SIZE
    if mode == param.NONE:
        return g.constant(1.0)
    if mode == param.VALID and counted is not None:
        number = _total(g, g.real(counted))
    elif mode == param.BATCH_SIZE:
        number = outer()
    else:
        number = _size(g, all_labels)
    return g.node("Max", number, g.constant(1.0))


def _counted(g: Group, labels: str) -> str | None:
    """Where labels, cut to whole numbers, are not ``ignore_label``; None where the layer has none."""
    if not g.param.loss_param.HasField("ignore_label"):
        return None
    return g.node("Not", g.node("Equal", g.whole(labels), g.constant(g.param.loss_param.ignore_label, np.int64)))


def _loss(g: Group, losses: str, counted: str | None, normalizer: str) -> str:
    if counted is not None:
        losses = g.node("Where", counted, losses, g.constant(0.0))
    return g.node("Div", _total(g, losses), normalizer)


@form("SigmoidCrossEntropyLoss", draws={1: lambda step, random, shape: random.random(shape, np.float32)})
def sigmoid_cross_entropy(g: Group) -> list[str]:
    x, t = g.inputs[0], g.reshape(g.inputs[1], g.bottoms[1], g.bottoms[0])
    # max(x, 0) - x t + log(1 + exp(-|x|)), which overflows nowhere.
    tail = g.node("Softplus", g.node("Neg", g.node("Abs", x)))
    losses = g.node("Add", g.node("Sub", g.node("Relu", x), g.node("Mul", x, t)), tail)
    counted = _counted(g, t)
    normalizer = _normalizer(g, g.param.loss_param.BATCH_SIZE, t, counted, lambda: _first(g, x))
    return [_loss(g, losses, counted, normalizer)]


def _classes(step: Step) -> int:
    return step.layer.classes


def _softmax(g: Group) -> tuple[str, str, str | None, str]:
    """Probabilities (outer, classes, inner), labels (outer, 1, inner), which of them count, and the normalizer."""
    scores, labels = rows(g, g.layer.axis)
    probabilities = g.node("Softmax", scores, axis=1)
    counted = _counted(g, labels)
    if counted is not None:
        labels = g.node("Where", counted, labels, g.constant(0, np.int64))
    normalizer = _normalizer(g, g.param.loss_param.VALID, labels, counted, lambda: _first(g, scores))
    return probabilities, labels, counted, normalizer


def _probabilities(g: Group) -> list[str]:
    """The second top, where there is one."""
    return [g.node("Softmax", g.inputs[0], axis=g.layer.axis)] if len(g.tops) > 1 else []


@form("SoftmaxWithLoss", draws={1: integers_below(_classes)})
def softmax_with_loss(g: Group) -> list[str]:
    probabilities, labels, counted, normalizer = _softmax(g)
    own = g.node("Max", g.node("GatherElements", probabilities, labels, axis=1), g.constant(_FLT_MIN))
    return [_loss(g, g.node("Neg", g.node("Log", own)), counted, normalizer), *_probabilities(g)]


@form("InfogainLoss", draws={1: integers_below(_classes)})
def infogain(g: Group) -> list[str]:
    probabilities, labels, counted, normalizer = _softmax(g)
    classes = g.layer.classes
    given = g.inputs[2] if len(g.inputs) > 2 else g.constant(g.layer._matrix.numpy())
    matrix = g.node("Reshape", given, g.indices(classes, classes))
    rows_of_labels = g.node("Gather", matrix, g.node("Squeeze", labels, g.indices(1)), axis=0)
    weights = g.node("Transpose", rows_of_labels, perm=[0, 2, 1])
    logarithms = g.node("Log", g.node("Max", probabilities, g.constant(_LOG_THRESHOLD)))
    losses = g.node("Neg", g.node("ReduceSum", g.node("Mul", weights, logarithms), g.indices(1), keepdims=1))
    return [_loss(g, losses, counted, normalizer), *_probabilities(g)]


def _items(step: Step) -> int:
    return int(np.prod(step.bottom_shapes[0].sizes[1:]))


def _flat(g: Group) -> tuple[str, str]:
    """Scores (items, classes) and labels (items, 1)."""
    labels = g.whole(g.node("Reshape", g.inputs[1], g.indices(-1, 1)))
    return g.node("Flatten", g.inputs[0], axis=1), labels


@form("MultinomialLogisticLoss", draws={
    0: lambda step, random, shape: random.uniform(0.01, 1, shape).astype(np.float32), 1: integers_below(_items),
})  # fmt: skip
def multinomial(g: Group) -> list[str]:
    p, labels = _flat(g)
    own = g.node("Max", g.node("GatherElements", p, labels, axis=1), g.constant(_LOG_THRESHOLD))
    return [g.node("Div", _total(g, g.node("Neg", g.node("Log", own))), _first(g, p))]


@form("HingeLoss", draws={1: integers_below(_items)})
def hinge(g: Group) -> list[str]:
    x, labels = _flat(g)
    own = g.node("Equal", labels, g.constant(np.arange(_items(g.step))[None], np.int64))
    signs = g.node("Where", own, g.constant(-1.0), g.constant(1.0))
    margin = g.node("Relu", g.shifted(g.node("Mul", signs, x), 1.0))
    if g.param.hinge_loss_param.norm == g.param.hinge_loss_param.L2:
        margin = g.node("Mul", margin, margin)
    return [g.node("Div", _total(g, margin), _first(g, x))]


@form("EuclideanLoss")
def euclidean(g: Group) -> list[str]:
    other = g.reshape(g.inputs[1], g.bottoms[1], g.bottoms[0])
    squares = g.node("ReduceSumSquare", g.node("Sub", g.inputs[0], other), keepdims=0)
    return [g.node("Div", squares, g.scaled(_first(g, g.inputs[0]), 2))]


@form("ContrastiveLoss", draws={2: integers_below(lambda step: 2)})
def contrastive(g: Group) -> list[str]:
    param = g.param.contrastive_loss_param
    difference = g.node("Flatten", g.node("Sub", g.inputs[0], g.inputs[1]), axis=1)
    squares = g.node("ReduceSumSquare", difference, axes=[1], keepdims=0)
    # The older form's margin is one of squares.
    distance = squares if param.legacy_version else g.node("Sqrt", squares)
    gap = g.node("Relu", g.node("Sub", g.constant(param.margin), distance))
    apart = gap if param.legacy_version else g.node("Mul", gap, gap)
    labels = g.whole(g.node("Reshape", g.inputs[2], g.indices(-1)))
    alike = g.node("Not", g.node("Equal", labels, g.constant(0, np.int64)))
    losses = g.node("Where", alike, squares, apart)
    return [g.node("Div", _total(g, losses), g.scaled(_first(g, g.inputs[0]), 2))]
