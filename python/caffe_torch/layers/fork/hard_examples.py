"""Training on the hardest regions, of R-FCN: losses that also give every region's own, and the choice of regions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, Layer, register
from caffe_torch.layers.fork.smooth_l1 import smooth_l1
from caffe_torch.layers.loss_base import normalizer_mode
from caffe_torch.layers.losses import SoftmaxWithLoss


@register("SoftmaxWithLossOHEM")
class SoftmaxWithLossOHEM(SoftmaxWithLoss):
    """SoftmaxWithLoss whose second top is the loss of every position, (n, 1, ...) in the labels' places."""

    tops = (1, 2)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        if len(top) > 1:
            shape = bottom[0].shape
            top[1].adopt_shape((*shape[: self.axis], 1, *shape[self.axis + 1 :]))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().forward(bottom, top[:1])
        if len(top) > 1:
            losses = self.losses(self._probabilities, bottom)
            if self._ignored is not None:
                losses = losses.masked_fill(self._ignored, 0)
            top[1].assign(losses.reshape(top[1].shape))


@register("SmoothL1LossOHEM")
class SmoothL1LossOHEM(FunctionLayer):
    """Bottoms: predictions, targets and, maybe, weights of the differences; tops: the loss, and each position's own."""

    bottoms = (2, 3)
    tops = (1, 2)
    is_loss = True
    no_gradient = (2,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.need_as_large(bottom)
        if len(bottom[0].shape) < 2:
            raise self.fail(f"needs a row per region, found shape {bottom[0].shape}")
        top[0].adopt_shape(())
        if len(top) > 1:
            shape = bottom[0].shape
            top[1].adopt_shape((shape[0], 1, *shape[2:]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        difference = inputs[0] - inputs[1].reshape(inputs[0].shape)
        if len(inputs) == 3:
            difference = difference * inputs[2].reshape(inputs[0].shape)
        losses = smooth_l1(difference, 1.0).sum(dim=1, keepdim=True)
        outer, param = difference.shape[0], self.param.loss_param
        counts = {param.BATCH_SIZE: outer, param.NONE: 1, param.PRE_FIXED: param.pre_fixed_normalizer}
        # FULL and VALID count every position: no label is ignored here.
        normalizer = max(1.0, counts.get(normalizer_mode(param, param.VALID), losses.numel()))
        return [losses.sum() / normalizer, losses.detach()]


@register("BoxAnnotatorOHEM")
class BoxAnnotatorOHEM(Layer):
    """Keeps the ``roi_per_img`` regions of each image with the largest losses.

    Bottoms: regions (R, 5), their losses, labels, box weights; tops: the labels, ``ignore_label`` for the others, and
    the box weights, 0 for the others.
    """

    bottoms = (4, 4)
    tops = (2, 2)
    no_gradient = (0, 1, 2, 3)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self.param.box_annotator_ohem_param.roi_per_img < 1:
            raise self.fail("roi_per_img must be 1 or more")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        count = bottom[0].count // 5
        if bottom[0].count % 5 or bottom[1].count != bottom[2].count or bottom[2].count % max(count, 1):
            raise self.fail(
                f"needs regions of 5 numbers and as many losses as labels, found shapes {bottom[0].shape}, "
                f"{bottom[1].shape}, {bottom[2].shape}"
            )
        if bottom[3].shape[:1] != bottom[2].shape[:1] or (bottom[2].count and bottom[3].count % bottom[2].count):
            raise self.fail(f"needs box weights for labels of shape {bottom[2].shape}, found shape {bottom[3].shape}")
        top[0].adopt_shape(bottom[2].shape)
        top[1].adopt_shape(bottom[3].shape)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.box_annotator_ohem_param
        losses = bottom[1].tensor().data.reshape(-1)
        image = bottom[0].tensor().data.reshape(-1, 5)[:, 0]
        image = image.repeat_interleave(max(losses.numel() // max(len(image), 1), 1))
        kept = torch.zeros_like(losses, dtype=torch.bool)
        for plane in image.unique():
            own = (image == plane).nonzero()[:, 0]
            order = torch.argsort(losses[own], descending=True, stable=True)[: param.roi_per_img]
            kept[own[order]] = True
        labels = bottom[2].tensor().data
        top[0].assign(torch.where(kept.reshape(labels.shape), labels, float(param.ignore_label)))
        weights = bottom[3].tensor().data
        # One row a region: its weights lie behind each other, or each position has its own.
        if not weights.numel():
            top[1].assign(weights)
            return
        mask = kept.reshape(labels.shape[0], 1, -1) if labels.dim() > 1 else kept.reshape(-1, 1, 1)
        top[1].assign((weights.reshape(weights.shape[0], -1, mask.shape[2]) * mask).reshape(weights.shape))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """A choice has no gradient."""
        self.pass_zeros(propagate_down, bottom)
