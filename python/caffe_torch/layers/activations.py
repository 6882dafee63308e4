"""Activations: ReLU, PReLU, ELU, Sigmoid, TanH, Swish, BNLL, AbsVal, Clip, Threshold."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.elementwise import ElementwiseLayer
from caffe_torch.layers.fillers import fill


@register("ReLU")
class ReLU(Layer):
    """max(x, 0) + negative_slope * min(x, 0); in place, without further memory, as it follows every convolution."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.slope = self.param.relu_param.negative_slope

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if bottom[0] is not top[0]:
            top[0].adopt_shape(bottom[0].shape)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        # .data: whoever kept this memory for a gradient lives with the change, as in Caffe.
        x, in_place = bottom[0].tensor().data, bottom[0] is top[0]
        top[0].assign(F.leaky_relu(x, self.slope, in_place) if self.slope else F.relu(x, in_place))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not propagate_down[0]:
            return
        # In place these are the outputs, which are positive where the inputs were.
        dy, where = top[0].diff_tensor().data, bottom[0].tensor().data
        dx = dy if bottom[0] is top[0] else torch.empty_like(dy)
        if self.slope:
            torch.ops.aten.leaky_relu_backward.grad_input(dy, where, self.slope, self.slope > 0, grad_input=dx)
        else:
            torch.ops.aten.threshold_backward.grad_input(dy, where, 0, grad_input=dx)
        bottom[0].assign_diff(dx)


@register("Sigmoid")
class Sigmoid(ElementwiseLayer):
    keeps_input = False

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return torch.sigmoid(x)


@register("TanH")
class TanH(ElementwiseLayer):
    keeps_input = False

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return torch.tanh(x)


@register("ELU")
class ELU(ElementwiseLayer):
    """x where positive, else alpha * (exp(x) - 1)."""

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return F.elu(x, self.param.elu_param.alpha)


@register("BNLL")
class BNLL(ElementwiseLayer):
    """log(1 + exp(x))."""

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return F.softplus(x)


@register("Swish")
class Swish(ElementwiseLayer):
    """x * sigmoid(beta * x)."""

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return x * torch.sigmoid(self.param.swish_param.beta * x)


@register("AbsVal")
class AbsVal(ElementwiseLayer):
    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return x.abs()


@register("Clip")
class Clip(ElementwiseLayer):
    """x limited to [min, max]; the gradient passes inside, ends included."""

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return x.clamp(self.param.clip_param.min, self.param.clip_param.max)


@register("Threshold")
class Threshold(ElementwiseLayer):
    """1 where x > threshold, else 0; there is no gradient."""

    keeps_input = False

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        return (x.detach() > self.param.threshold_param.threshold).to(x.dtype)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if propagate_down[0]:
            raise self.fail("has no gradient; set propagate_down: false")


@register("PReLU")
class PReLU(ElementwiseLayer):
    """max(x, 0) + a * min(x, 0) with learned slopes a, one per channel or, ``channel_shared``, one for all."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom[0].shape) < 2:
            raise self.fail(f"needs a channel axis, found a blob of shape {bottom[0].shape}")
        param = self.param.prelu_param
        self.channels = bottom[0].shape[1]
        if not self.blobs:
            blob = self.new_blob(*(() if param.channel_shared else (self.channels,)))
            if param.HasField("filler"):
                fill(blob, param.filler)
            else:
                blob.assign(torch.full(blob.shape, 0.25))
        if self.blobs[0].count != (1 if param.channel_shared else self.channels):
            raise self.fail(f"one slope a channel is needed ({self.channels}), found {self.blobs[0].count}")

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        slope = params[0].reshape(-1, *(1,) * (x.dim() - 2))
        return F.relu(x) + slope * x.clamp(max=0)
