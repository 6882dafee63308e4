"""InnerProduct and Embed: layers that multiply by a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, Layer, register
from caffe_torch.layers.fillers import fill
from caffe_torch.layers.shapes import canonical_axis, count
from caffe_torch.runtime import precision


@register("InnerProduct")
class InnerProduct(Layer):
    """y = x W^T + b over everything from ``axis`` on.

    Blobs: weights (num_output, inputs), or (inputs, num_output) with ``transpose``, and bias (num_output).
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.inner_product_param
        self.axis = canonical_axis(self, bottom[0], param.axis)
        self.inputs, self.outputs = count(bottom[0].shape[self.axis :]), param.num_output
        if self.outputs < 1:
            raise self.fail("num_output must be 1 or more")
        self.transpose = param.transpose
        if not self.blobs:
            shape = (self.inputs, self.outputs) if self.transpose else (self.outputs, self.inputs)
            fill(self.new_blob(*shape), param.weight_filler)
            if param.bias_term:
                fill(self.new_blob(self.outputs), param.bias_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        if count(shape[self.axis :]) != self.inputs:
            raise self.fail(f"the weights take {self.inputs} inputs, found {count(shape[self.axis :])} (shape {shape})")
        top[0].adopt_shape((*shape[: self.axis], self.outputs))

    def rows(self, blob: Blob) -> Tensor:
        return blob.tensor().data.reshape(-1, self.inputs)

    def weight(self) -> Tensor:
        """The weights as (outputs, inputs)."""
        weight = self.blobs[0].tensor()
        return weight.t() if self.transpose else weight.reshape(self.outputs, self.inputs)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        bias = self.blobs[1].tensor().reshape(-1) if len(self.blobs) > 1 else None
        top[0].assign(precision.linear(self.rows(bottom[0]), self.weight(), bias))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        dy = top[0].diff_tensor().reshape(-1, self.outputs)
        flags = self.param_propagate_down or [True] * len(self.blobs)
        if flags[0]:
            x = self.rows(bottom[0])
            left, right = precision.factors(*((x, dy) if self.transpose else (dy, x)))
            self.blobs[0].accumulate_product(left.t(), right)
        if len(self.blobs) > 1 and flags[1]:
            self.blobs[1].accumulate_diff(dy.sum(dim=0))
        if propagate_down[0]:
            bottom[0].assign_diff(precision.linear(dy, self.weight().t()))


@register("Embed")
class Embed(FunctionLayer):
    """Row bottom[i] of the weights (input_dim, num_output), plus a bias, for every index of the bottom."""

    no_gradient = (0,)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.embed_param
        if param.num_output < 1 or param.input_dim < 1:
            raise self.fail("num_output and input_dim must be 1 or more")
        if not self.blobs:
            fill(self.new_blob(param.input_dim, param.num_output), param.weight_filler)
            if param.bias_term:
                fill(self.new_blob(param.num_output), param.bias_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        top[0].adopt_shape((*bottom[0].shape, self.param.embed_param.num_output))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        index = inputs[0].detach().long()
        rows = self.param.embed_param.input_dim
        if index.device.type == "cpu" and index.numel() and not 0 <= int(index.min()) <= int(index.max()) < rows:
            raise self.fail(f"indices {int(index.min())} to {int(index.max())} found; input_dim allows 0 to {rows - 1}")
        y = F.embedding(index, params[0])
        return [y + params[1] if len(params) > 1 else y]
