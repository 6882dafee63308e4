"""What the loss layers share: one scalar top, labels without gradient, and the normalisation of LossParameter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer


def normalizer_mode(param: Any, default: int) -> int:
    """The mode of a LossParameter; the older ``normalize`` counts where no mode is given, else the default."""
    if param.HasField("normalization"):
        return param.normalization
    if param.HasField("normalize"):
        return param.VALID if param.normalize else param.BATCH_SIZE
    return default


class LossLayer(Layer):
    """Bottom 0 are predictions, bottom 1 labels; top 0 is the loss, a scalar of shape ().

    The net puts loss_weight into ``top[0].diff``; ``backward`` multiplies every gradient by it.
    """

    bottoms: tuple[int, int | None] = (2, 2)
    tops: tuple[int, int | None] = (1, 1)
    is_loss = True
    no_gradient: tuple[int, ...] = (1,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        first, second = bottom[0].shape, bottom[1].shape
        if not first or not second or first[0] != second[0]:
            raise self.fail(f"predictions and labels must be equally many, found shapes {first} and {second}")
        top[0].adopt_shape(())

    def one_label_an_item(self, bottom: list[Blob]) -> None:
        """CaffeError where the labels are not as many as the items of the batch."""
        first, second = bottom[0].shape, bottom[1].shape
        if bottom[1].count != first[0]:
            raise self.fail(f"needs one label an item: {first[0]} for scores of shape {first}, found shape {second}")

    def ignored(self, labels: Tensor) -> Tensor | None:
        """True where the label, cut to an integer, is ignore_label; None where the layer has no ignore_label."""
        if not self.param.loss_param.HasField("ignore_label"):
            return None
        return labels.trunc() == self.param.loss_param.ignore_label

    def normalizer(self, default: int, outer: int, inner: int, ignored: Tensor | None) -> Tensor | float:
        """What the summed loss is divided by; at least 1. The older ``normalize`` counts where no mode is given."""
        param = self.param.loss_param
        mode = normalizer_mode(param, default)
        if mode == param.VALID and ignored is not None:
            return (outer * inner - ignored.sum()).clamp(min=1).to(torch.float32)
        counts = {
            param.FULL: outer * inner, param.VALID: outer * inner, param.BATCH_SIZE: outer, param.NONE: 1,
            param.PRE_FIXED: param.pre_fixed_normalizer,  # of R-FCN
        }  # fmt: skip
        return max(1.0, counts[mode])

    def class_labels(self, labels: Tensor, classes: int, ignored: Tensor | None = None) -> Tensor:
        """Labels as int64, 0 where ignored. On the CPU one outside 0..classes-1 raises CaffeError."""
        index = labels.long()
        if ignored is not None:
            index = torch.where(ignored, 0, index)
        self.need_labels(labels, index, classes)
        return index
