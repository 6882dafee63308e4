"""Softmax as a layer of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_torch.layers.base import register
from caffe_torch.layers.elementwise import ElementwiseLayer


@register("Softmax")
class Softmax(ElementwiseLayer):
    """exp(x) over its sum along ``axis``."""

    keeps_input = False

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        axis = self.param.softmax_param.axis
        if not -x.dim() <= axis < x.dim():
            raise self.fail(f"axis {axis} is out of range for a blob of shape {tuple(x.shape)}")
        return torch.softmax(x, dim=axis)
