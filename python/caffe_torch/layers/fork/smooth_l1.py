"""SmoothL1Loss of Fast R-CNN: squared where the difference is small, its size elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register


def smooth_l1(difference: Tensor, sigma: float) -> Tensor:
    """0.5 (sigma d)^2 where |d| < 1 / sigma^2, else |d| - 0.5 / sigma^2."""
    square, size = sigma * sigma, difference.abs()
    return torch.where(size < 1 / square, 0.5 * square * difference * difference, size - 0.5 / square)


@register("SmoothL1Loss")
class SmoothL1Loss(FunctionLayer):
    """Bottoms: predictions, targets and, maybe, the weights of the differences and of the losses; sum / batch size."""

    bottoms = (2, 4)
    is_loss = True
    no_gradient = (2, 3)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom) == 3:
            raise self.fail("needs 2 bottoms, or 4 with both the inside and the outside weights; found 3")
        if not 0 < self.param.smooth_l1_loss_param.sigma < math.inf:
            raise self.fail(f"sigma must be above 0, found {self.param.smooth_l1_loss_param.sigma:g}")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.need_as_large(bottom)
        top[0].adopt_shape(())

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        difference = inputs[0] - inputs[1].reshape(inputs[0].shape)
        if len(inputs) == 4:
            difference = difference * inputs[2].reshape(inputs[0].shape)
        loss = smooth_l1(difference, self.param.smooth_l1_loss_param.sigma)
        if len(inputs) == 4:
            loss = loss * inputs[3].reshape(inputs[0].shape)
        return [loss.sum() / max(inputs[0].shape[0], 1)]
