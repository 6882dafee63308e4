"""Blob: an N-d float32 array with its gradient, as NumPy arrays to the user and as PyTorch tensors to the layers."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Callable

import numpy as np
import torch
from torch import Tensor

from caffe_torch.blob import transfers
from caffe_torch.blob.array import count
from caffe_torch.blob.lazy import ComputeImages, LazyArray
from caffe_torch.blob.reshaped import Reshaped
from caffe_torch.errors import CaffeAttributeError, CaffeMemoryError, CaffeShapeError
from caffe_torch.runtime import accelerator, device, free_memory

#: The original counts a blob's values in 32 bits.
_MOST = 2**31 - 1
_IN_PLACE = "a blob's {0} stays the array it is: to write values into it, say .{0}[...] = array"


class Blob:
    """pycaffe's Blob: ``data`` and ``diff`` (float32, C order), their ``shape``, and ``reshape``.

    ``data`` and ``diff`` are writable NumPy arrays that live on after the net is gone.
    """

    def __init__(self, *shape: int):
        self._data: LazyArray = LazyArray(_checked(shape))
        self._diff: LazyArray = LazyArray(self._data.shape)

    # --- what pycaffe shows ---

    @property
    def data(self) -> np.ndarray:
        return self._data.numpy()

    @data.setter
    def data(self, value: Any) -> None:
        raise CaffeAttributeError(_IN_PLACE.format("data"))

    @property
    def diff(self) -> np.ndarray:
        return self._diff.numpy()

    @diff.setter
    def diff(self, value: Any) -> None:
        raise CaffeAttributeError(_IN_PLACE.format("diff"))

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def count(self) -> int:
        return count(self.shape)

    def reshape(self, *shape: int) -> None:
        """Give the blob another shape, e.g. ``blob.reshape(1, 3, 227, 227)``; nets follow on their next forward."""
        new = _checked(shape, self.count)
        self._data.reshape(new)
        self._diff.reshape(new)

    num = property(lambda self: self._legacy(0), doc="Axis 0 of the four-axis view.")
    channels = property(lambda self: self._legacy(1), doc="Axis 1 of the four-axis view.")
    height = property(lambda self: self._legacy(2), doc="Axis 2 of the four-axis view.")
    width = property(lambda self: self._legacy(3), doc="Axis 3 of the four-axis view.")

    def _legacy(self, axis: int) -> int:
        if len(self.shape) > 4:
            raise CaffeShapeError(f"blob of shape {self.shape}: num, channels, height and width need at most 4 axes")
        return self.shape[axis] if axis < len(self.shape) else 1

    # --- what layers, nets and solvers use ---

    @staticmethod
    def fetch(blobs: Iterable[Blob]) -> None:
        """Bring the data of all ``blobs`` to the host at once, where one by one would wait for the GPU each time."""
        transfers.fetch(blob._data for blob in blobs)

    @staticmethod
    def fetch_diffs(blobs: Iterable[Blob]) -> None:
        """The same for their gradients."""
        transfers.fetch(blob._diff for blob in blobs)

    @staticmethod
    def send_diffs(blobs: Iterable[Blob]) -> None:
        """Bring the gradients of all ``blobs`` to the device at once, where it is to read them."""
        transfers.send((blob._diff for blob in blobs), device.current())

    @staticmethod
    def accumulate_diffs(blobs: Sequence[Blob], values: Sequence[Tensor]) -> None:
        """``accumulate_diff`` for many on a device, in one kernel or, where the gradients are zero, in none."""
        present = []
        for blob, value in zip(blobs, values):
            value = value.reshape(blob.shape)
            if blob._diff.is_zero:
                blob._diff.set(value)
            else:
                present.append((blob, blob.diff_tensor(), value))
        if present:
            torch._foreach_add_([diff for _, diff, _ in present], [value for _, _, value in present])
            for blob, diff, _ in present:
                blob._diff.set(diff)

    def weighted_sum(self) -> Tensor:
        """The sum of data times diff, 0-dim: float64, or float32 on a device that has no other.

        It is computed on the host where a NumPy layer has left both there.
        """
        data, diff = self._data.to_send(), self._diff.to_send()
        if data is not None and diff is not None:
            return (data * diff).sum(dtype=torch.float64)
        return (self.tensor() * self.diff_tensor()).sum(dtype=accelerator.sum_type(device.current()))

    @property
    def on_device(self) -> bool:
        """Whether a device has the data: a layer has read or computed it there."""
        return self._data.on_device

    def tensor(self) -> Tensor:
        """The data on the current device."""
        return self._data.get()

    def assign(self, value: Tensor) -> None:
        self._data.set(value)

    def diff_tensor(self) -> Tensor:
        """The gradient on the current device."""
        return self._diff.get()

    def assign_diff(self, value: Tensor) -> None:
        self._diff.set(value)

    def accumulate_diff(self, value: Tensor) -> None:
        """Add to the gradient: parameters gather theirs until the solver clears them."""
        value = value.reshape(self.shape)
        if self._diff.is_zero:
            self._diff.set(value)
        else:
            self._diff.change(lambda diff: diff.add_(value))

    def copy(self) -> Blob:
        """A blob of the same shape and data, with memory and a gradient of its own."""
        blob = Blob(*self.shape)
        blob.assign(self.tensor().clone())
        return blob

    def accumulate_product(self, left: Tensor, right: Tensor) -> None:
        """Add the matrix product ``left`` ``right`` to the gradient; float32 needs no memory for the product itself."""
        if left.dtype != torch.float32:
            self.accumulate_diff(torch.mm(left, right).float())
        elif self._diff.is_zero:
            product = self._diff.contiguous_buffer(left.device).view(left.shape[0], right.shape[1])
            self._diff.set(torch.mm(left, right, out=product))
        else:
            self._diff.change(lambda diff: diff.view(left.shape[0], right.shape[1]).addmm_(left, right))

    def clear_diff(self) -> None:
        """Set the gradient to zero."""
        self._diff.clear()

    def change(self, operation: Callable[[Tensor], object]) -> None:
        """Change the data in place: ``operation`` gets the tensor on the current device."""
        self._data.change(operation)

    def buffer(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        """Memory for data that ``assign`` gets next, laid out like ``like``; the data until now are lost."""
        return self._data.buffer(like, where)

    def release(self) -> None:
        """Say that new data will be assigned and those until now are no longer needed."""
        self._data.release()

    def diff_buffer(self, like: Tensor) -> Tensor:
        """Memory for a gradient that ``assign_diff`` gets next, laid out like ``like``; the one until now is lost."""
        return self._diff.buffer(like)

    def defer(self, compute: ComputeImages, like: Tensor, source: Blob) -> None:
        """Take as data what ``compute`` makes of the data of ``source``, when they are read."""
        self._data.defer(compute, like, source._data)

    def deferred(self) -> ComputeImages | None:
        """The function that computes deferred data; None where they are there."""
        return self._data.deferred()

    def read_only_diff(self) -> Tensor:
        """The gradient, to be read by a function that ``defer_diff`` of another blob gets."""
        return self._diff.read_only()

    def defer_diff(self, compute: ComputeImages, like: Tensor) -> None:
        """Take as gradient what ``compute`` writes, when it is read."""
        self._diff.defer(compute, like)

    def deferred_diff(self) -> ComputeImages | None:
        """The function that computes a deferred gradient; None where it is there."""
        return self._diff.deferred()

    def release_diff(self) -> None:
        """Say that a new gradient will be assigned and the one until now is no longer needed."""
        self._diff.release()

    def share_data(self, other: Blob) -> None:
        """Use ``other``'s data as this blob's own, from now on."""
        self._data = other._data

    def share_diff(self, other: Blob) -> None:
        self._diff = other._diff

    def share_reshaped(self, other: Blob) -> None:
        """Use the data and gradient of ``other``, of as many elements, in this blob's own shape from now on."""
        self._data, self._diff = Reshaped(other._data, self.shape), Reshaped(other._diff, self.shape)

    def adopt_shape(self, shape: tuple[int, ...]) -> None:
        """Like ``reshape``, for a layer's tops: cheap where nothing changes."""
        if shape != self._data.shape or shape != self._diff.shape:
            self.reshape(*shape)


def _checked(shape: Sequence[int], present: int = 0) -> tuple[int, ...]:
    """The shape of a blob that has ``present`` values so far.

    TypeError where an axis is no whole number, as in pycaffe; CaffeError where one is negative; CaffeMemoryError for
    more values than Caffe's blobs hold, or than there is memory for.
    """
    try:
        sizes = tuple(operator.index(n) for n in shape)
    except TypeError:
        axes = ", ".join(map(repr, shape))
        raise TypeError(f"a blob's shape is whole numbers, as in reshape(1, 3, 227, 227), found ({axes})") from None
    if any(n < 0 for n in sizes):
        raise CaffeShapeError(f"blob shape {sizes}: every axis must be 0 or more")
    values = math.prod(sizes)
    if values > _MOST:
        raise CaffeMemoryError(f"a blob of shape {sizes} would have {values} values, Caffe's hold {_MOST} at most")
    if device.current().type == "cpu":
        free_memory.require(4 * (values - present), f"a blob of shape {sizes}")
    return sizes
