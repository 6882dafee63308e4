"""Layers that read scores and have no gradient: Accuracy and ArgMax."""

from __future__ import annotations

import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.shapes import canonical_axis, count


class _Reading(Layer):
    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient; set propagate_down: false")


@register("Accuracy")
class Accuracy(_Reading):
    """The share of labels among the ``top_k`` best scores; a second top gives it class by class.

    As in the original's later versions, an equal score counts as better: constant scores are always wrong.
    """

    bottoms = (2, 2)
    tops = (1, 2)
    no_gradient = (0, 1)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        param, shape = self.param.accuracy_param, bottom[0].shape
        self.axis = canonical_axis(self, bottom[0], param.axis)
        self.outer, self.classes, self.inner = (
            count(shape[: self.axis]),
            shape[self.axis],
            count(shape[self.axis + 1 :]),
        )
        if bottom[1].count != self.outer * self.inner:
            raise self.fail(f"needs one label a prediction ({self.outer * self.inner}), found {bottom[1].count}")
        if not 1 <= param.top_k <= bottom[0].count // bottom[1].count:
            raise self.fail(f"top_k must lie between 1 and the {self.classes} classes, found {param.top_k}")
        top[0].adopt_shape(())
        if len(top) > 1:
            top[1].adopt_shape((self.classes,))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.accuracy_param
        scores = bottom[0].tensor().reshape(self.outer, self.classes, self.inner)
        labels = bottom[1].tensor().reshape(self.outer, 1, self.inner).long()
        counts = torch.ones_like(labels, dtype=torch.bool)
        if param.HasField("ignore_label"):
            counts = labels != param.ignore_label
            labels = torch.where(counts, labels, 0)
        self.need_labels(bottom[1].tensor(), labels, self.classes)
        better = (scores >= scores.gather(1, labels)).sum(dim=1, keepdim=True) - 1
        right = (better < param.top_k) & counts
        top[0].assign(right.sum() / counts.sum().clamp(min=1))
        if len(top) > 1:
            seen = torch.bincount(labels[counts], minlength=self.classes)
            hit = torch.bincount(labels[right], minlength=self.classes)
            top[1].assign(hit / seen.clamp(min=1))


@register("ArgMax")
class ArgMax(_Reading):
    """The positions (or, or also, the values) of the ``top_k`` largest scores; of equal ones the last comes first."""

    no_gradient = (0,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        param, shape = self.param.argmax_param, bottom[0].shape
        self.axis = canonical_axis(self, bottom[0], param.axis) if param.HasField("axis") else None
        entries = shape[self.axis] if self.axis is not None else count(shape[1:])
        if not 1 <= param.top_k <= entries:
            raise self.fail(f"top_k must lie between 1 and {entries}, found {param.top_k}")
        if self.axis is not None:
            top[0].adopt_shape((*shape[: self.axis], param.top_k, *shape[self.axis + 1 :]))
        else:
            middle = 2 if param.out_max_val else 1
            top[0].adopt_shape((shape[0], middle, param.top_k, *(1,) * (len(shape) - 3)))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param, x = self.param.argmax_param, bottom[0].tensor()
        x = x.movedim(self.axis, -1) if self.axis is not None else x.flatten(1)
        last = x.shape[-1] - 1
        values, index = x.flip(-1).sort(dim=-1, descending=True, stable=True)
        values, index = values[..., : param.top_k], (last - index[..., : param.top_k]).to(x.dtype)
        if self.axis is not None:
            top[0].assign((values if param.out_max_val else index).movedim(-1, self.axis).contiguous())
        else:
            top[0].assign((torch.stack([index, values], dim=1) if param.out_max_val else index).reshape(top[0].shape))
