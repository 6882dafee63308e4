"""Scale and Bias: a factor and a summand that are learned, or come as a second bottom, broadcast over other axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fillers import fill
from caffe_torch.layers.shapes import canonical_axis


class _Broadcast(FunctionLayer):
    """The operand is bottom 1, or else blob 0 of the shape of ``num_axes`` axes of bottom 0 from ``axis`` on."""

    bottoms = (1, 2)
    default = 0.0

    def settings(self) -> Any:
        raise NotImplementedError

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom) > 1 or self.blobs:
            return
        param, shape = self.settings(), bottom[0].shape
        axis = canonical_axis(self, bottom[0], param.axis) if param.num_axes else 0
        end = len(shape) if param.num_axes == -1 else axis + param.num_axes
        if param.num_axes < -1 or end > len(shape):
            raise self.fail(f"axis {param.axis} and num_axes {param.num_axes} reach beyond the bottom's shape {shape}")
        blob = self.new_blob(*shape[axis:end])
        if param.HasField("filler"):
            fill(blob, param.filler)
        else:
            blob.assign(torch.full(blob.shape, self.default))

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        operand = bottom[1] if len(bottom) > 1 else self.blobs[0]
        shape = bottom[0].shape
        axis = canonical_axis(self, bottom[0], self.settings().axis) if operand.shape else 0
        if shape[axis : axis + len(operand.shape)] != operand.shape:
            raise self.fail(f"the operand's shape {operand.shape} does not match the bottom's {shape} from axis {axis}")
        self._trailing = (1,) * (len(shape) - axis - len(operand.shape))
        self._in_place = bottom[0] is top[0]
        if not self._in_place:
            top[0].adopt_shape(shape)

    def spread(self, operand: Tensor) -> Tensor:
        return operand.reshape(*operand.shape, *self._trailing)


@register("Bias")
class Bias(_Broadcast):
    """x + bias."""

    def settings(self) -> Any:
        return self.param.bias_param

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [inputs[0] + self.spread(inputs[1] if len(inputs) > 1 else params[0])]


@register("Scale")
class Scale(_Broadcast):
    """x * scale, plus a learned bias of the same shape with ``bias_term``; without a filler, scale starts at 1."""

    default = 1.0

    def settings(self) -> Any:
        return self.param.scale_param

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        loaded = len(self.blobs) > 0
        super().setup(bottom, top)
        if self.param.scale_param.bias_term and not loaded:
            factor = bottom[1] if len(bottom) > 1 else self.blobs[0]
            fill(self.new_blob(*factor.shape), self.param.scale_param.bias_filler)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0].clone() if self._in_place else inputs[0]
        y = x * self.spread(inputs[1] if len(inputs) > 1 else params[0])
        return [y + self.spread(params[-1]) if self.param.scale_param.bias_term else y]
