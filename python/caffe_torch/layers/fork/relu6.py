"""ReLU6 of MobileNet."""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_torch.layers.base import register
from caffe_torch.layers.elementwise import ElementwiseLayer


@register("ReLU6")
class ReLU6(ElementwiseLayer):
    """min(max(x, 0), 6), with ``negative_slope`` x below 0; the gradient passes between the ends alone."""

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        slope = self.param.relu6_param.negative_slope
        below = slope * x if slope else torch.zeros_like(x)
        return torch.where(x > 0, torch.where(x < 6, x, torch.full_like(x, 6)), below)
