"""SegAccuracy of DeepLab and PSPNet: how well a map of classes fits its label image."""

from __future__ import annotations

import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register


@register("SegAccuracy")
class SegAccuracy(Layer):
    """Bottoms: scores (n, c, h, w), label images (n, 1, h, w); top (1, 1, 1, 3), each value between 0 and 1.

    The top holds the pixel accuracy, the mean recall of the classes (the share of a class's pixels that are predicted
    as that class) and the mean intersection over union of the classes. They are of this batch with ``reset``, else of
    all batches since the start. Pixels whose label is in ``ignore_label`` are left out.
    """

    bottoms = (2, 2)
    no_gradient = (0, 1)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.need_four_axes(bottom[0])
        self.classes = bottom[0].shape[1]
        #: Confusion matrix: row the true class, column the predicted one, pixels.
        self.counts = torch.zeros(self.classes, self.classes, dtype=torch.int64)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) != 4 or shape[1] != self.classes or bottom[1].count != shape[0] * shape[2] * shape[3]:
            raise self.fail(f"needs one label per pixel of {shape}, found shape {bottom[1].shape}")
        top[0].adopt_shape((1, 1, 1, 3))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.seg_accuracy_param
        labels = bottom[1].tensor().data.long().reshape(-1).cpu()
        predicted = bottom[0].tensor().data.argmax(dim=1).reshape(-1).cpu()
        if param.reset:
            self.counts.zero_()
        counted = torch.ones_like(labels, dtype=torch.bool)
        for value in param.ignore_label:
            counted &= labels != value
        labels, predicted = labels[counted], predicted[counted]
        if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= self.classes):
            raise self.fail(
                f"labels {int(labels.min())} to {int(labels.max())} found; there are {self.classes} classes"
            )
        pairs = torch.bincount(labels * self.classes + predicted, minlength=self.classes**2)
        self.counts += pairs.reshape(self.classes, self.classes)
        correct = self.counts.diagonal().double()
        of_class, as_class = self.counts.sum(dim=1), self.counts.sum(dim=0)
        union = of_class + as_class - correct
        recall = correct[of_class > 0] / of_class[of_class > 0]
        # As in the fork: the mean of the classes up to the last one that occurs; one that does not occur counts as 1.
        last = int(union.nonzero().max()) + 1 if bool(union.any()) else 0
        jaccard = torch.where(correct == union, 1.0, correct / union.clamp(min=1))[:last]
        accuracy = correct.sum() / of_class.sum().clamp(min=1)
        values = [accuracy, *(part.mean() if len(part) else accuracy * 0 for part in (recall, jaccard))]
        top[0].assign(torch.stack(values).float().reshape(1, 1, 1, 3).to(bottom[0].tensor().device))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient")
