"""The base of layers whose top has the shape of their one bottom and may be the same blob."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer


class ElementwiseLayer(FunctionLayer):
    """Subclasses give ``function``, and ``keeps_input`` = False where its gradient does not need the input.

    In place, the input is overwritten: one that is still needed is copied first.
    """

    keeps_input = True

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self._in_place = bottom[0] is top[0]
        if not self._in_place:
            top[0].adopt_shape(bottom[0].shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0]
        return [self.function(x.clone() if self._in_place and self.keeps_input else x, params)]

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        raise NotImplementedError
