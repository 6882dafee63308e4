"""SegAccuracy of DeepLab and PSPNet: how well a map of classes fits its label image."""

from __future__ import annotations

import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register


@register("SegAccuracy")
class SegAccuracy(Layer):
    """Bottoms: scores (n, c, h, w), label images (n, 1, h, w); top (1, 1, 1, 3).

    The share of right pixels, the mean over classes of the share of theirs that are right, and of their intersection
    over union; over this batch, or without ``reset`` over all so far. Labels of ``ignore_label`` do not count.
    """

    bottoms = (2, 2)
    no_gradient = (0, 1)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.classes = bottom[0].shape[1]
        self.counts = torch.zeros(self.classes, self.classes, dtype=torch.int64)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) != 4 or shape[1] != self.classes or bottom[1].count != shape[0] * shape[2] * shape[3]:
            raise self.fail(f"needs one label a pixel of {shape}, found shape {bottom[1].shape}")
        top[0].adopt_shape((1, 1, 1, 3))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.seg_accuracy_param
        labels = bottom[1].tensor().data.long().reshape(-1).cpu()
        found = bottom[0].tensor().data.argmax(dim=1).reshape(-1).cpu()
        if param.reset:
            self.counts.zero_()
        counted = torch.ones_like(labels, dtype=torch.bool)
        for value in param.ignore_label:
            counted &= labels != value
        labels, found = labels[counted], found[counted]
        if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= self.classes):
            raise self.fail(
                f"labels {int(labels.min())} to {int(labels.max())} found; there are {self.classes} classes"
            )
        pairs = torch.bincount(labels * self.classes + found, minlength=self.classes**2)
        self.counts += pairs.reshape(self.classes, self.classes)
        right, own, named = self.counts.diagonal().double(), self.counts.sum(dim=1), self.counts.sum(dim=0)
        union = own + named - right
        recall = right[own > 0] / own[own > 0]
        # As in the fork: all classes up to the last one met, of which those not met count as 1.
        last = int(union.nonzero().max()) + 1 if bool(union.any()) else 0
        jaccard = torch.where(right == union, 1.0, right / union.clamp(min=1))[:last]
        accuracy = right.sum() / own.sum().clamp(min=1)
        values = [accuracy, *(part.mean() if len(part) else accuracy * 0 for part in (recall, jaccard))]
        top[0].assign(torch.stack(values).float().reshape(1, 1, 1, 3).to(bottom[0].tensor().device))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient")
