"""Losses of probabilities: SigmoidCrossEntropyLoss, SoftmaxWithLoss, InfogainLoss, MultinomialLogisticLoss."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from caffe_torch.blob.blob import Blob
from caffe_torch.files import binary_file, wire
from caffe_torch.layers.base import register
from caffe_torch.layers.loss_base import LossLayer
from caffe_torch.layers.shapes import canonical_axis, count

#: Floors below which Caffe does not take logarithms: FLT_MIN for softmax, its own constant elsewhere.
_FLT_MIN = torch.finfo(torch.float32).tiny
_LOG_THRESHOLD = 1e-20


@register("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(LossLayer):
    """-sum(t log s(x) + (1 - t) log(1 - s(x))), s the sigmoid; divided by the batch size unless told otherwise."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        if bottom[0].count != bottom[1].count:
            shapes = f"{bottom[0].shape} and {bottom[1].shape}"
            raise self.fail(f"scores and targets must be equally many, found shapes {shapes}")

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        x = bottom[0].tensor()
        self._target = t = bottom[1].tensor().reshape(x.shape)
        self._ignored = ignored = self.ignored(t)
        outer = x.shape[0]
        mode = self.param.loss_param.BATCH_SIZE
        self._normalizer = self.normalizer(mode, outer, x.numel() // max(outer, 1), ignored)
        if ignored is None:
            loss = F.binary_cross_entropy_with_logits(x, t, reduction="sum")
        else:
            loss = F.binary_cross_entropy_with_logits(x, t, reduction="none").masked_fill_(ignored, 0).sum()
        top[0].assign(loss / self._normalizer)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not propagate_down[0]:
            return
        gradient = torch.sigmoid(bottom[0].tensor()).sub_(self._target)
        if self._ignored is not None:
            gradient.masked_fill_(self._ignored, 0)
        bottom[0].assign_diff(gradient.mul_(top[0].diff_tensor() / self._normalizer))


class _SoftmaxLoss(LossLayer):
    """Softmax over an axis, then a loss for the label of every position; a second top gives the probabilities."""

    tops = (1, 2)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        shape = bottom[0].shape
        self.axis = self.loss_axis(bottom[0])
        self.outer, self.inner = count(shape[: self.axis]), count(shape[self.axis + 1 :])
        self.classes = shape[self.axis]
        if bottom[1].count != self.outer * self.inner:
            raise self.fail(
                f"needs one label a prediction: {self.outer * self.inner} for scores of shape {shape} with classes on "
                f"axis {self.axis}, found {bottom[1].count}"
            )
        if len(top) > 1:
            top[1].adopt_shape(shape)

    def loss_axis(self, bottom: Blob) -> int:
        return canonical_axis(self, bottom, self.param.softmax_param.axis)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        scores = bottom[0].tensor()
        self._probabilities = p = torch.softmax(scores, dim=self.axis).reshape(self.outer, self.classes, self.inner)
        labels = bottom[1].tensor().reshape(self.outer, 1, self.inner)
        self._ignored = self.ignored(labels)
        self._labels = self.class_labels(labels, self.classes, self._ignored)
        self._normalizer = self.normalizer(self.param.loss_param.VALID, self.outer, self.inner, self._ignored)
        loss = self.losses(p, bottom)
        if self._ignored is not None:
            loss = loss.masked_fill(self._ignored, 0)
        top[0].assign(loss.sum() / self._normalizer)
        if len(top) > 1:
            top[1].assign(p.reshape(scores.shape))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not propagate_down[0]:
            return
        gradient = self.gradients(bottom)
        if self._ignored is not None:
            gradient = gradient.masked_fill(self._ignored, 0)
        bottom[0].assign_diff((gradient * (top[0].diff_tensor() / self._normalizer)).reshape(bottom[0].shape))

    def losses(self, p: torch.Tensor, bottom: list[Blob]) -> torch.Tensor:
        """The loss of every position, (outer, 1, inner)."""
        raise NotImplementedError

    def gradients(self, bottom: list[Blob]) -> torch.Tensor:
        """Their gradients by the scores, (outer, classes, inner)."""
        raise NotImplementedError


@register("SoftmaxWithLoss")
class SoftmaxWithLoss(_SoftmaxLoss):
    """-log of the label's softmax probability, divided by the number of labels that count (VALID) by default.

    SegNet's ``weight_by_label_freqs`` multiplies it by the label's ``class_weighting``; the divisor stays.
    """

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        param = self.param.loss_param
        self._class_weights: torch.Tensor | None = None
        if param.weight_by_label_freqs:
            if len(param.class_weighting) != self.classes:
                raise self.fail(
                    f"needs {self.classes} class_weighting, one a class, found {len(param.class_weighting)}"
                )
            self._class_weights = torch.tensor(list(param.class_weighting))

    def losses(self, p: torch.Tensor, bottom: list[Blob]) -> torch.Tensor:
        return self._weighted(-p.gather(1, self._labels).clamp(min=_FLT_MIN).log())

    def gradients(self, bottom: list[Blob]) -> torch.Tensor:
        ones = torch.ones_like(self._labels, dtype=torch.float32)
        return self._weighted(self._probabilities.scatter_add(1, self._labels, -ones))

    def _weighted(self, values: torch.Tensor) -> torch.Tensor:
        if self._class_weights is None:
            return values
        return values * self._class_weights.to(values.device)[self._labels]


@register("InfogainLoss")
class InfogainLoss(_SoftmaxLoss):
    """-sum over classes of H[label, class] * log(softmax probability); H from a file or the third bottom."""

    bottoms = (2, 3)
    no_gradient = (1, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self.param.loss_param.HasField("normalize"):
            raise self.fail("loss_param.normalize is deprecated and not taken here; use normalization")
        self._matrix = None
        if len(bottom) < 3:
            if not self.param.infogain_loss_param.source:
                raise self.fail("needs the infogain matrix: infogain_loss_param.source or a third bottom")
            source = self.param.infogain_loss_param.source
            self._matrix = torch.from_numpy(
                wire.read_blob(memoryview(binary_file.read(source, "a .binaryproto")), source)
            )

    def loss_axis(self, bottom: Blob) -> int:
        return canonical_axis(self, bottom, self.param.infogain_loss_param.axis)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        entries = self._matrix.numel() if self._matrix is not None else bottom[2].count
        if entries != self.classes**2:
            raise self.fail(f"the infogain matrix must be {self.classes} x {self.classes}, found {entries} entries")

    def _rows(self, bottom: list[Blob]) -> torch.Tensor:
        """The matrix row of every position's label, (outer, classes, inner)."""
        matrix = self._matrix.to(bottom[0].tensor().device) if self._matrix is not None else bottom[2].tensor()
        return matrix.reshape(self.classes, self.classes)[self._labels.squeeze(1)].movedim(-1, 1)

    def losses(self, p: torch.Tensor, bottom: list[Blob]) -> torch.Tensor:
        return -(self._rows(bottom) * p.clamp(min=_LOG_THRESHOLD).log()).sum(dim=1, keepdim=True)

    def gradients(self, bottom: list[Blob]) -> torch.Tensor:
        rows = self._rows(bottom)
        return self._probabilities * rows.sum(dim=1, keepdim=True) - rows


@register("MultinomialLogisticLoss")
class MultinomialLogisticLoss(LossLayer):
    """-log of the label's given probability, averaged over the batch."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        self.one_label_an_item(bottom)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        p = bottom[0].tensor().flatten(1)
        self._labels = self.class_labels(bottom[1].tensor().reshape(-1, 1), p.shape[1])
        self._chosen = p.gather(1, self._labels).clamp(min=_LOG_THRESHOLD)
        top[0].assign(-self._chosen.log().sum() / p.shape[0])

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if propagate_down[0]:
            shape = bottom[0].shape
            scale = -top[0].diff_tensor() / shape[0]
            gradient = torch.zeros(shape[0], count(shape[1:]), device=self._chosen.device)
            bottom[0].assign_diff(gradient.scatter_(1, self._labels, scale / self._chosen).reshape(shape))
