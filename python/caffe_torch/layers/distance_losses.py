"""Losses of distances and margins: EuclideanLoss, HingeLoss, ContrastiveLoss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.loss_base import LossLayer


@register("EuclideanLoss")
class EuclideanLoss(FunctionLayer):
    """Half the squared distance of the two bottoms, averaged over the batch; both get a gradient."""

    bottoms = (2, 2)
    is_loss = True

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        first, second = bottom[0].shape, bottom[1].shape
        if not first or not second or first[0] != second[0] or bottom[0].count != bottom[1].count:
            raise self.fail(f"the bottoms must be equally many and large, found shapes {first} and {second}")
        top[0].adopt_shape(())

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        difference = inputs[0] - inputs[1].reshape(inputs[0].shape)
        return [difference.square().sum() / (2 * inputs[0].shape[0])]


@register("HingeLoss")
class HingeLoss(LossLayer):
    """One-against-all hinge, max(0, 1 +- score), summed (L1) or squared and summed (L2), averaged over the batch."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        self.one_label_an_item(bottom)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        x = bottom[0].tensor().flatten(1)
        labels = self.class_labels(bottom[1].tensor().reshape(-1, 1), x.shape[1])
        self._sign = torch.ones_like(x).scatter_(1, labels, -1.0)
        self._margin = F.relu(1 + self._sign * x)
        squared = self.param.hinge_loss_param.norm == self.param.hinge_loss_param.L2
        top[0].assign((self._margin.square() if squared else self._margin).sum() / x.shape[0])

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not propagate_down[0]:
            return
        squared = self.param.hinge_loss_param.norm == self.param.hinge_loss_param.L2
        slope = 2 * self._margin if squared else self._margin.sign()
        scale = top[0].diff_tensor() / bottom[0].shape[0]
        bottom[0].assign_diff((slope * self._sign * scale).reshape(bottom[0].shape))


@register("ContrastiveLoss")
class ContrastiveLoss(LossLayer):
    """Pulls pairs with label 1 together and pushes the others ``margin`` apart, averaged over the batch and halved."""

    bottoms = (3, 3)
    no_gradient = drops_gradient = (2,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        first, second, label = (blob.shape for blob in bottom)
        if first != second or len(first) < 2 or bottom[0].count != first[0] * first[1]:
            raise self.fail(f"both features must be (n, channels), found shapes {first} and {second}")
        if bottom[2].count != first[0]:
            raise self.fail(f"needs one label a pair ({first[0]}), found shape {label}")
        top[0].adopt_shape(())

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.contrastive_loss_param
        self._difference = d = (bottom[0].tensor() - bottom[1].tensor()).flatten(1)
        self._alike = bottom[2].tensor().reshape(-1, 1).long() != 0
        squares = d.square().sum(dim=1, keepdim=True)
        if param.legacy_version:
            self._gap, self._distance = param.margin - squares, None
            apart = self._gap.clamp(min=0)
        else:
            self._distance = squares.sqrt()
            self._gap = param.margin - self._distance
            apart = self._gap.clamp(min=0).square()
        top[0].assign(torch.where(self._alike, squares, apart).sum() / (2 * d.shape[0]))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        # The 1e-4 is Caffe's, which keeps pairs at distance 0 from dividing by it.
        push = self._gap / (self._distance + 1e-4) if self._distance is not None else torch.ones_like(self._gap)
        factor = torch.where(self._alike, 1.0, torch.where(self._gap > 0, -push, 0.0))
        gradient = factor * self._difference * (top[0].diff_tensor() / bottom[0].shape[0])
        for i, sign in ((0, 1), (1, -1)):
            if propagate_down[i]:
                bottom[i].assign_diff((sign * gradient).reshape(bottom[i].shape))
