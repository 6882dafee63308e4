"""Layers that pick or repeat parts of a blob: Crop, Tile, BatchReindex, Filter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.shapes import canonical_axis, count


@register("Crop")
class Crop(FunctionLayer):
    """Bottom 0 cut to the size of bottom 1 on every axis from ``axis`` on, at one offset for all or one each."""

    bottoms = (2, 2)
    no_gradient = drops_gradient = (1,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, wanted = bottom[0].shape, bottom[1].shape
        axis = canonical_axis(self, bottom[0], self.param.crop_param.axis)
        offsets = list(self.param.crop_param.offset)
        if len(wanted) != len(shape):
            raise self.fail(f"both bottoms must have as many axes, found shapes {shape} and {wanted}")
        if len(offsets) not in (0, 1, len(shape) - axis):
            raise self.fail(f"give one offset or one an axis ({len(shape) - axis}), found {len(offsets)}")
        if len(offsets) < 2:
            offsets = (offsets or [0]) * (len(shape) - axis)
        self._where: list[tuple[int, int, int]] = []
        for i, offset in enumerate(offsets, start=axis):
            if offset + wanted[i] > shape[i]:
                raise self.fail(f"axis {i}: offset {offset} and size {wanted[i]} reach beyond shape {shape}")
            self._where.append((i, offset, wanted[i]))
        top[0].adopt_shape((*shape[:axis], *wanted[axis:]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0]
        for axis, start, length in self._where:
            x = x.narrow(axis, start, length)
        return [x.clone()]


@register("Tile")
class Tile(FunctionLayer):
    """The blob ``tiles`` times side by side along ``axis``."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self.param.tile_param.tiles < 1:
            raise self.fail(f"tiles must be 1 or more, found {self.param.tile_param.tiles}")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.axis = canonical_axis(self, bottom[0], self.param.tile_param.axis)
        shape = bottom[0].shape
        top[0].adopt_shape(
            (*shape[: self.axis], shape[self.axis] * self.param.tile_param.tiles, *shape[self.axis + 1 :])
        )

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [torch.cat([inputs[0]] * self.param.tile_param.tiles, dim=self.axis)]


@register("BatchReindex")
class BatchReindex(FunctionLayer):
    """Entries of bottom 0 along the first axis, in the order of the indices in bottom 1; repeats are allowed."""

    bottoms = (2, 2)
    no_gradient = (1,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom[1].shape) != 1 or not bottom[0].shape:
            raise self.fail(f"needs data and a list of indices, found shapes {bottom[0].shape} and {bottom[1].shape}")
        top[0].adopt_shape((bottom[1].shape[0], *bottom[0].shape[1:]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        index = inputs[1].detach().long()
        if index.device.type == "cpu" and index.numel():
            least, most = int(index.min()), int(index.max())
            if least < 0 or most >= inputs[0].shape[0]:
                raise self.fail(f"indices {least} to {most} found; the bottom has {inputs[0].shape[0]} entries")
        return [inputs[0].index_select(0, index)]


@register("Filter")
class Filter(FunctionLayer):
    """From every bottom but the last, the entries whose selector, in the last bottom, is not 0."""

    bottoms = (2, None)
    tops = (1, None)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(top) != len(bottom) - 1:
            raise self.fail(
                f"{len(bottom)} bottoms, the last a selector, need {len(bottom) - 1} tops, found {len(top)}"
            )
        # The selector gets no gradient.
        self.no_gradient = (len(bottom) - 1,)
        self._seen = False

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        selector = bottom[-1]
        if not selector.shape or count(selector.shape[1:]) != 1:
            raise self.fail(f"the selector must hold one value an entry, found shape {selector.shape}")
        for blob in bottom[:-1]:
            if not blob.shape or blob.shape[0] != selector.shape[0]:
                raise self.fail(f"selector and bottoms must be equally many, found {selector.shape} and {blob.shape}")
        kept = selector.shape[0]
        if self._seen:
            self._index = selector.tensor().reshape(-1).nonzero().reshape(-1)
            kept = self._index.shape[0]
        # When the net is made there is nothing in the selector yet: Caffe then takes all to be selected.
        self._seen = True
        for blob, source in zip(top, bottom):
            blob.adopt_shape((kept, *source.shape[1:]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [x.index_select(0, self._index) for x in inputs[:-1]]
