"""Layers that put values into another order: Permute, ShuffleChannel, Reorg, Flip."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register


@register("Permute")
class Permute(FunctionLayer):
    """The axes in the order of ``permute_param.order``; those that are not named follow in their own order."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, order = bottom[0].shape, list(self.param.permute_param.order)
        if len(set(order)) < len(order) or any(axis >= len(shape) for axis in order):
            raise self.fail(f"order {order} must name different axes of a blob of shape {shape}")
        self.order = [*order, *(axis for axis in range(len(shape)) if axis not in order)]
        top[0].adopt_shape(tuple(shape[axis] for axis in self.order))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [inputs[0].permute(self.order).contiguous()]


@register("ShuffleChannel")
class ShuffleChannel(FunctionLayer):
    """ShuffleNet's shuffle: of ``group`` groups of channels the first ones, then the second ones, and so on."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.group, shape = self.param.shuffle_channel_param.group, bottom[0].shape
        if len(shape) < 2 or self.group < 1 or shape[1] % self.group:
            raise self.fail(f"group {self.group} must divide the channels of a blob of shape {shape}")
        top[0].adopt_shape(shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0]
        shuffled = x.reshape(x.shape[0], self.group, x.shape[1] // self.group, *x.shape[2:]).transpose(1, 2)
        return [shuffled.reshape(x.shape)]


@register("Reorg")
class Reorg(FunctionLayer):
    """Darknet's reorganisation of (c, h, w) into (c s^2, h / s, w / s), or with ``reverse`` into (c / s^2, h s, w s).

    As there, the first reads the memory as if it were (c / s^2, h s, w s): it is no plain space-to-depth, and
    ``reverse``, which is a plain depth-to-space, does not undo it.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.stride = self.param.reorg_param.stride
        if self.stride < 1:
            raise self.fail("reorg_param.stride must be 1 or more")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, s = bottom[0].shape, self.stride
        if len(shape) != 4 or shape[1] % (s * s) or (not self.reverse and (shape[2] % s or shape[3] % s)):
            raise self.fail(f"stride {s} does not divide the channels, height and width of a blob of shape {shape}")
        n, c, h, w = shape
        top[0].adopt_shape((n, c // (s * s), h * s, w * s) if self.reverse else (n, c * s * s, h // s, w // s))

    @property
    def reverse(self) -> bool:
        return self.param.reorg_param.reverse

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x, s = inputs[0], self.stride
        n, c, h, w = x.shape
        if self.reverse:
            spread = x.reshape(n, s, s, c // (s * s), h, w).permute(0, 3, 4, 1, 5, 2)
            return [spread.reshape(n, c // (s * s), h * s, w * s)]
        gathered = x.reshape(n, c // (s * s), h, s, w, s).permute(0, 3, 5, 1, 2, 4)
        return [gathered.reshape(n, c * s * s, h // s, w // s)]


@register("Flip")
class Flip(FunctionLayer):
    """Mirrored left to right (``flip_width``, the default) and upside down (``flip_height``)."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.need_four_axes(bottom[0])
        top[0].adopt_shape(bottom[0].shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.flip_param
        axes = [axis for axis, wanted in ((2, param.flip_height), (3, param.flip_width)) if wanted]
        return [inputs[0].flip(axes)]
