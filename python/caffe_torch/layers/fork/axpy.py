"""Axpy of SENet: each channel scaled by a number of its own, and another blob added."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register


@register("Axpy")
class Axpy(FunctionLayer):
    """Bottoms a (n, c or n, c, 1, 1), x and y (n, c, h, w); top a x + y."""

    bottoms = (3, 3)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[1].shape
        if len(shape) < 2 or bottom[2].shape != shape or bottom[0].count != shape[0] * shape[1]:
            raise self.fail(
                f"needs one factor a channel and two blobs of one shape, found {bottom[0].shape}, {shape}, "
                f"{bottom[2].shape}"
            )
        top[0].adopt_shape(shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        a, x, y = inputs
        return [a.reshape(*x.shape[:2], *(1,) * (x.dim() - 2)) * x + y]
