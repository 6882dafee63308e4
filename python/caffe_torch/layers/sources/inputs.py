"""Layers without bottoms that need no files: Input, DummyData, Parameter."""

from __future__ import annotations

from typing import Any

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.fillers import fill
from caffe_torch.proto import caffe_pb2


class _Source(Layer):
    bottoms = (0, 0)
    tops: tuple[int, int | None] = (1, None)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        pass

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        pass


@register("Input")
class Input(_Source):
    """Blobs that the program fills; one shape for all tops, or one each. Later reshapes of the tops stay."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        shapes = self.param.input_param.shape
        if len(shapes) not in (0, 1, len(top)):
            raise self.fail(f"give one shape or one per top ({len(top)}), found {len(shapes)}")
        for i, blob in enumerate(top):
            if len(shapes):
                blob.adopt_shape(tuple(shapes[i if len(shapes) > 1 else 0].dim))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        pass


@register("DummyData")
class DummyData(_Source):
    """Blobs from fillers: constant ones are filled once, random ones before every forward."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.dummy_data_param
        fillers: list[Any] = list(param.data_filler) or [caffe_pb2.FillerParameter(type="constant", value=0)]
        if len(fillers) not in (1, len(top)):
            raise self.fail(f"give at most one data_filler or one per top ({len(top)}), found {len(fillers)}")
        self.fillers = fillers if len(fillers) == len(top) else fillers * len(top)
        for i, blob in enumerate(top):
            blob.adopt_shape(self._shape(i, len(top)))
        for blob, filler in zip(top, self.fillers):
            if filler.type == "constant":
                fill(blob, filler)

    def _shape(self, i: int, tops: int) -> tuple[int, ...]:
        param = self.param.dummy_data_param
        legacy = [param.num, param.channels, param.height, param.width]
        if len(param.shape):
            if any(len(values) for values in legacy):
                raise self.fail("give shape, or num, channels, height and width, not both")
            if len(param.shape) not in (1, tops):
                raise self.fail(f"give one shape or one per top ({tops}), found {len(param.shape)}")
            return tuple(param.shape[i if len(param.shape) > 1 else 0].dim)
        if any(len(values) not in (1, tops) for values in legacy):
            raise self.fail(f"give one shape, or num, channels, height and width, once or once a top ({tops})")
        return tuple(values[i if len(values) > 1 else 0] for values in legacy)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        for blob, filler in zip(top, self.fillers):
            if filler.type != "constant":
                fill(blob, filler)


@register("Parameter")
class Parameter(_Source):
    """A learned blob of the given shape as a top; its data and gradient are the top's own."""

    tops = (1, 1)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if not self.blobs:
            self.new_blob(*self.param.parameter_param.shape.dim)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        top[0].adopt_shape(self.blobs[0].shape)
        top[0].share_data(self.blobs[0])
        top[0].share_diff(self.blobs[0])

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        pass
