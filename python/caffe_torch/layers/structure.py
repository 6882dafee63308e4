"""Layers that split, join and rename: Split, Slice, Concat, Silence, Flatten, Reshape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, Layer, register
from caffe_torch.layers.shapes import canonical_axis, count


@register("Split")
class Split(Layer):
    """One blob under several names: the tops share its data; its gradient is the sum of theirs."""

    tops = (1, None)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        for blob in top:
            if blob is bottom[0]:
                raise self.fail("a top may not be the bottom itself")
            blob.adopt_shape(bottom[0].shape)
            blob.share_data(bottom[0])

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        pass

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not propagate_down[0]:
            return
        if len(top) == 1:
            bottom[0].assign_diff(top[0].diff_tensor().clone())
            return
        total = top[0].diff_tensor() + top[1].diff_tensor()
        for blob in top[2:]:
            total += blob.diff_tensor()
        bottom[0].assign_diff(total)


@register("Silence")
class Silence(Layer):
    """Takes blobs that nothing else wants; their gradients are zero."""

    bottoms = (1, None)
    tops = (0, 0)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        pass

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        pass

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        self.pass_zeros(propagate_down, bottom)


def _axis(layer: Layer, blob: Blob, param: Any, old_name: str) -> int:
    """``axis``, or the field it had in old Caffe; both at once is an error, as in Caffe."""
    if param.HasField(old_name):
        if param.HasField("axis"):
            raise layer.fail(f"axis and {old_name} are both given; keep axis")
        return canonical_axis(layer, blob, getattr(param, old_name))
    return canonical_axis(layer, blob, param.axis)


@register("Slice")
class Slice(FunctionLayer):
    """Cuts a blob along an axis, at the slice points or into equal parts."""

    tops = (1, None)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        points = list(self.param.slice_param.slice_point)
        if points and len(points) != len(top) - 1:
            raise self.fail(f"{len(top)} tops need {len(top) - 1} slice points, found {len(points)}")
        if any(b <= a for a, b in zip(points, points[1:])):
            raise self.fail(f"the slice points must increase, found {points}")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, param = bottom[0].shape, self.param.slice_param
        self.axis = _axis(self, bottom[0], param, "slice_dim")
        size, points = shape[self.axis], list(param.slice_point)
        if not points:
            if size % len(top):
                raise self.fail(f"axis {self.axis} has {size} entries, which {len(top)} tops do not divide")
            points = [size // len(top) * i for i in range(1, len(top))]
        if points and points[-1] >= size:
            raise self.fail(f"slice point {points[-1]} lies beyond axis {self.axis} of {size} entries")
        self.sizes = [b - a for a, b in zip([0, *points], [*points, size])]
        if min(self.sizes) < 1:
            raise self.fail(f"slice points {points} leave an empty top")
        for blob, part in zip(top, self.sizes):
            blob.adopt_shape((*shape[: self.axis], part, *shape[self.axis + 1 :]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        # Copies, not views: writing into one top must not change the bottom.
        return [part.clone(memory_format=torch.preserve_format) for part in inputs[0].split(self.sizes, dim=self.axis)]


@register("Concat")
class Concat(FunctionLayer):
    """Joins blobs along an axis."""

    bottoms = (1, None)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.axis = axis = _axis(self, bottom[0], self.param.concat_param, "concat_dim")
        first = bottom[0].shape
        for blob in bottom[1:]:
            shape = blob.shape
            if len(shape) != len(first) or shape[:axis] != first[:axis] or shape[axis + 1 :] != first[axis + 1 :]:
                raise self.fail(f"all bottoms must agree but on axis {axis}; found shapes {first} and {shape}")
        top[0].adopt_shape((*first[:axis], sum(b.shape[axis] for b in bottom), *first[axis + 1 :]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [torch.cat(inputs, dim=self.axis)]


class _SameData(FunctionLayer):
    """The bottom's data, in C order, under another shape."""

    def new_shape(self, shape: tuple[int, ...], bottom: Blob) -> tuple[int, ...]:
        raise NotImplementedError

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if bottom[0] is top[0]:
            raise self.fail("cannot work in place")
        self._shape = self.new_shape(bottom[0].shape, bottom[0])
        top[0].adopt_shape(self._shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [inputs[0].reshape(self._shape)]


@register("Flatten")
class Flatten(_SameData):
    """Joins the axes from ``axis`` to ``end_axis`` (both included) into one."""

    def new_shape(self, shape: tuple[int, ...], bottom: Blob) -> tuple[int, ...]:
        param = self.param.flatten_param
        start, end = canonical_axis(self, bottom, param.axis), canonical_axis(self, bottom, param.end_axis)
        if start > end + 1:  # one behind gives a new axis of size 1, as in Caffe
            raise self.fail(f"axis {param.axis} lies behind end_axis {param.end_axis} for a blob of shape {shape}")
        return (*shape[:start], count(shape[start : end + 1]), *shape[end + 1 :])


@register("Reshape")
class Reshape(_SameData):
    """Another shape of the same count: 0 keeps the bottom's size of that axis, -1 is worked out."""

    def new_shape(self, shape: tuple[int, ...], bottom: Blob) -> tuple[int, ...]:
        param = self.param.reshape_param
        axes = len(shape)
        start = param.axis if param.axis >= 0 else axes + param.axis + 1
        if not 0 <= start <= axes:
            raise self.fail(f"axis {param.axis} is out of range for a blob of shape {shape}")
        end = axes if param.num_axes == -1 else start + param.num_axes
        if param.num_axes < -1 or end > axes:
            raise self.fail(f"num_axes {param.num_axes} is out of range for axis {param.axis} of shape {shape}")
        wanted = list(param.shape.dim)
        if any(d < -1 for d in wanted) or wanted.count(-1) > 1:
            raise self.fail(f"shape {wanted}: sizes are positive, 0 (keep) or, once, -1 (work out)")
        for i, dim in enumerate(wanted):
            if dim == 0:
                if start + i >= axes:
                    raise self.fail(f"shape {wanted}: entry {i} keeps an axis that the bottom {shape} does not have")
                wanted[i] = shape[start + i]
        if -1 in wanted:
            others = count(shape[:start]) * count(shape[end:]) * count([d for d in wanted if d != -1])
            if others == 0 or count(shape) % others:
                raise self.fail(f"shape {wanted} does not divide the bottom's {count(shape)} entries (shape {shape})")
            wanted[wanted.index(-1)] = count(shape) // others
        result = (*shape[:start], *wanted, *shape[end:])
        if count(result) != count(shape):
            raise self.fail(f"shape {result} has {count(result)} entries, the bottom {shape} has {count(shape)}")
        return result
