"""Activations: ReLU, PReLU, ELU, Sigmoid, TanH, Swish, BNLL, AbsVal, Clip, Threshold, Dropout, Softmax."""

from __future__ import annotations

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form


@form("ReLU")
def relu(g: Group) -> list[str]:
    slope = g.param.relu_param.negative_slope
    return [g.node("LeakyRelu", g.inputs[0], alpha=slope) if slope else g.node("Relu", g.inputs[0])]


@form("PReLU")
def prelu(g: Group) -> list[str]:
    # One slope for all is a shape of ones too: OpenCV takes no scalar.
    channels = g.step.blobs[0].size
    slopes = g.blob(0, (channels, *(1,) * (len(g.bottoms[0]) - 2)))
    return [g.node("PRelu", g.inputs[0], slopes)]


@form("ELU")
def elu(g: Group) -> list[str]:
    return [g.node("Elu", g.inputs[0], alpha=g.param.elu_param.alpha)]


@form("Sigmoid")
def sigmoid(g: Group) -> list[str]:
    return [g.node("Sigmoid", g.inputs[0])]


@form("TanH")
def tanh(g: Group) -> list[str]:
    return [g.node("Tanh", g.inputs[0])]


@form("Swish")
def swish(g: Group) -> list[str]:
    x = g.inputs[0]
    return [g.node("Mul", x, g.node("Sigmoid", g.scaled(x, g.param.swish_param.beta)))]


@form("BNLL")
def bnll(g: Group) -> list[str]:
    return [g.node("Softplus", g.inputs[0])]


@form("AbsVal")
def absval(g: Group) -> list[str]:
    return [g.node("Abs", g.inputs[0])]


@form("Clip")
def clip(g: Group) -> list[str]:
    param = g.param.clip_param
    return [g.node("Clip", g.inputs[0], g.constant(param.min), g.constant(param.max))]


@form("Threshold")
def threshold(g: Group) -> list[str]:
    return [g.real(g.node("Greater", g.inputs[0], g.constant(g.param.threshold_param.threshold)))]


@form("Dropout")
def dropout(g: Group) -> list[str]:
    """Nothing in the TEST phase, as training has scaled; with ``scale_train: false`` it scales here."""
    if g.layer.train:
        raise g.fail("draws at random, as its own fields ask for")
    return [g.scaled(g.inputs[0], g.layer.test_scale)]


@form("Softmax")
def softmax(g: Group) -> list[str]:
    axis = g.param.softmax_param.axis % len(g.bottoms[0])
    return [g.node("Softmax", g.inputs[0], axis=axis)]
