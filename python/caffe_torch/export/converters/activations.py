"""Activations: ReLU, PReLU, ELU, Sigmoid, TanH, Swish, BNLL, AbsVal, Clip, Threshold, Dropout, Softmax."""

from __future__ import annotations

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter


@converter("ReLU")
def relu(graph: LayerGraph) -> list[str]:
    slope = graph.param.relu_param.negative_slope
    return [graph.node("LeakyRelu", graph.inputs[0], alpha=slope) if slope else graph.node("Relu", graph.inputs[0])]


@converter("PReLU")
def prelu(graph: LayerGraph) -> list[str]:
    # A slope shared by all channels has as many axes too, each of size 1: OpenCV takes no scalar.
    channels = graph.layer_node.blobs[0].size
    slopes = graph.blob(0, (channels, *(1,) * (len(graph.bottoms[0]) - 2)))
    return [graph.node("PRelu", graph.inputs[0], slopes)]


@converter("ELU")
def elu(graph: LayerGraph) -> list[str]:
    return [graph.node("Elu", graph.inputs[0], alpha=graph.param.elu_param.alpha)]


@converter("Sigmoid")
def sigmoid(graph: LayerGraph) -> list[str]:
    return [graph.node("Sigmoid", graph.inputs[0])]


@converter("TanH")
def tanh(graph: LayerGraph) -> list[str]:
    return [graph.node("Tanh", graph.inputs[0])]


@converter("Swish")
def swish(graph: LayerGraph) -> list[str]:
    x = graph.inputs[0]
    return [graph.node("Mul", x, graph.node("Sigmoid", graph.scaled(x, graph.param.swish_param.beta)))]


@converter("BNLL")
def bnll(graph: LayerGraph) -> list[str]:
    return [graph.node("Softplus", graph.inputs[0])]


@converter("AbsVal")
def absval(graph: LayerGraph) -> list[str]:
    return [graph.node("Abs", graph.inputs[0])]


@converter("Clip")
def clip(graph: LayerGraph) -> list[str]:
    param = graph.param.clip_param
    return [graph.node("Clip", graph.inputs[0], graph.constant(param.min), graph.constant(param.max))]


@converter("Threshold")
def threshold(graph: LayerGraph) -> list[str]:
    return [
        graph.as_float(graph.node("Greater", graph.inputs[0], graph.constant(graph.param.threshold_param.threshold)))
    ]


@converter("Dropout")
def dropout(graph: LayerGraph) -> list[str]:
    """The identity in the TEST phase, as training has scaled; with ``scale_train: false`` it scales here."""
    if graph.layer.train:
        raise graph.fail("draws at random, as its own fields ask for")
    return [graph.scaled(graph.inputs[0], graph.layer.test_scale)]


@converter("Softmax")
def softmax(graph: LayerGraph) -> list[str]:
    axis = graph.param.softmax_param.axis % len(graph.bottoms[0])
    return [graph.node("Softmax", graph.inputs[0], axis=axis)]
