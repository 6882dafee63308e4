"""Dropout, scaled when training so that testing is the identity."""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.proto import caffe_pb2


@register("Dropout")
class Dropout(Layer):
    """TRAIN: zeroes a share ``dropout_ratio`` of the values, drawn anew each time, and scales the rest; TEST: x.

    With Fast R-CNN's ``scale_train: false`` TRAIN does not scale, and TEST multiplies by the share that is kept. With
    SegNet's ``sample_weights_test`` TEST draws as TRAIN does.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= self.ratio < 1:
            raise self.fail(f"dropout_ratio must be at least 0 and less than 1, found {self.ratio}")
        param = self.param.dropout_param
        self.train = self.phase == caffe_pb2.TRAIN or param.sample_weights_test
        self.scale = 1 / (1 - self.ratio) if param.scale_train else 1.0
        self.test_scale = 1.0 if param.scale_train else 1 - self.ratio

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if bottom[0] is not top[0]:
            top[0].adopt_shape(bottom[0].shape)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        x = bottom[0].tensor().data
        if self.train:
            self._mask = torch.empty_like(x).bernoulli_(1 - self.ratio).mul_(self.scale)
        self._pass(x, bottom[0] is top[0], top[0].assign)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if propagate_down[0]:
            self._pass(top[0].diff_tensor().data, bottom[0] is top[0], bottom[0].assign_diff)

    def _pass(self, values: Tensor, in_place: bool, assign: Callable[[Tensor], None]) -> None:
        if self.train:
            assign(values.mul_(self._mask) if in_place else values * self._mask)
        elif self.test_scale != 1:
            assign(values.mul_(self.test_scale) if in_place else values * self.test_scale)
        elif not in_place:
            assign(values.clone())
