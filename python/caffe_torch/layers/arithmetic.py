"""Arithmetic without parameters: Power, Exp, Log, Eltwise, Reduction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.elementwise import ElementwiseLayer
from caffe_torch.layers.shapes import canonical_axis


@register("Power")
class Power(ElementwiseLayer):
    """(shift + scale * x) ** power."""

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        param = self.param.power_param
        y = x * param.scale + param.shift
        return y if param.power == 1 else y.pow(param.power)


def _log_of_base(layer: ElementwiseLayer, base: float) -> float:
    """ln(base); -1, the default, means e."""
    if base == -1:
        return 1.0
    if base <= 0 or base == 1:
        raise layer.fail(f"base must be positive and not 1, or -1 for e; found {base}")
    return math.log(base)


@register("Exp")
class Exp(ElementwiseLayer):
    """base ** (shift + scale * x)."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.log_base = 0.0 if self.param.exp_param.base == 1 else _log_of_base(self, self.param.exp_param.base)

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        param = self.param.exp_param
        return (x * (param.scale * self.log_base) + param.shift * self.log_base).exp()


@register("Log")
class Log(ElementwiseLayer):
    """log of (shift + scale * x) to the base."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.log_base = _log_of_base(self, self.param.log_param.base)

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        param = self.param.log_param
        return (x * param.scale + param.shift).log() / self.log_base


@register("Eltwise")
class Eltwise(FunctionLayer):
    """The product, the weighted sum or the maximum of its bottoms, element by element."""

    bottoms = (2, None)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.eltwise_param
        if len(param.coeff) not in (0, len(bottom)):
            raise self.fail(f"give one coeff a bottom ({len(bottom)}) or none, found {len(param.coeff)}")
        if param.operation == param.PROD and len(param.coeff):
            raise self.fail("coeff is for SUM only")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        for blob in bottom[1:]:
            if blob.shape != bottom[0].shape:
                raise self.fail(f"all bottoms must have one shape, found {bottom[0].shape} and {blob.shape}")
        self._in_place = top[0] is bottom[0]
        if not self._in_place:
            top[0].adopt_shape(bottom[0].shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.eltwise_param
        y = inputs[0].clone() if self._in_place else inputs[0]
        if param.operation == param.SUM:
            coefficients = list(param.coeff) or [1.0] * len(inputs)
            y = y * coefficients[0]
            for x, coefficient in zip(inputs[1:], coefficients[1:]):
                y = y.add(x, alpha=coefficient)
            return [y]
        for i, x in enumerate(inputs[1:]):
            if param.operation == param.PROD:
                y = y * x
            else:
                # Of equal values the gradient goes to the second bottom, else to the earlier one, as in Caffe.
                y = torch.where(y > x if i == 0 else y >= x, y, x)
        return [y]


@register("Reduction")
class Reduction(FunctionLayer):
    """SUM, ASUM, SUMSQ or MEAN over everything from ``axis`` on, times ``coeff``."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.axis = canonical_axis(self, bottom[0], self.param.reduction_param.axis)
        top[0].adopt_shape(bottom[0].shape[: self.axis])

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.reduction_param
        x = inputs[0].flatten(self.axis)
        if param.operation == param.ASUM:
            x = x.abs()
        elif param.operation == param.SUMSQ:
            x = x.square()
        y = x.mean(dim=-1) if param.operation == param.MEAN else x.sum(dim=-1)
        return [y * param.coeff]
