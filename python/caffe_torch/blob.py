"""Blob: an N-d float32 array with its gradient, as NumPy arrays to the user and as PyTorch tensors to the layers."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from caffe_torch import device
from caffe_torch.errors import CaffeError

#: Writes some images of an array, ``slice``, into a tensor of their shape.
Recipe = Callable[[slice, Tensor], None]


class _Array:
    """One array that lives on the host, on the device, or on both; copied only when the other side asks.

    The host side is a C-contiguous NumPy array whose memory a torch tensor shares. Once the user has been given that
    NumPy array, later results on the CPU are written into it, so that it stays a live view, as in pycaffe; until then
    results are taken over without a copy, in whatever memory format the layer produced.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self._host: Tensor | None = None
        self._device: Tensor | None = None
        self._newest_on_host = True
        self._exposed = False
        #: Zeros that are still to be written: the memory holds something else.
        self._zero = False
        #: (how to compute the content, a tensor without memory of its layout), where that is still to be done.
        self._promise: tuple[Recipe, Tensor] | None = None
        #: Arrays whose promises read this one.
        self._readers: weakref.WeakSet[_Array] = weakref.WeakSet()
        #: Another array's recipe reads this memory: it may be replaced, but not changed.
        self._lent = False
        #: The whole memory, where a reshape has left a part of it as the host's copy.
        self._whole: np.ndarray | None = None

    def numpy(self) -> np.ndarray:
        """The writable NumPy view; what is written there is what the layers read next."""
        for reader in self._readers:
            reader.keep_promise()  # before the caller changes what it reads
        host = self._to_host()
        if not host.is_contiguous() or (self._lent and not self._exposed):
            host = self._host = host.clone(memory_format=torch.contiguous_format)
        self._exposed = True
        # The caller may write: from here on the host's copy is the one that counts.
        self._device, self._newest_on_host = None, True
        return host.numpy()

    def get(self) -> Tensor:
        """The tensor on the current device, in the array's shape."""
        where = device.current()
        self.keep_promise()
        if where.type == "cpu":
            host = self._to_host()
            self._device, self._newest_on_host = None, True
            return host
        if self._zero:
            self.set(self.plain_room(where).zero_())
        if self._device is None or self._device.device != where:
            self._device = self._to_host().to(where, non_blocking=True)
        return self._device

    def set(self, value: Tensor) -> None:
        """Take over ``value``, a tensor on any device, as the array's new content."""
        value = value.detach()
        self._become_known()
        if tuple(value.shape) != self.shape:
            value = value.reshape(self.shape)
        if value.device.type != "cpu":
            self._device, self._newest_on_host = value, False
        else:
            self._device, self._newest_on_host = None, True
            if self._exposed and self._host is not None:
                if value.data_ptr() != self._host.data_ptr() or value.stride() != self._host.stride():
                    self._host.copy_(value)
            else:
                self._host, self._lent, self._whole = value, False, None

    def room(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        """Memory laid out like ``like``, on its device or ``where``, for content that ``set`` gets next.

        It is this array's own where that fits, so what was in the array is lost.
        """
        where = where or device.current()
        own = self._host if where.type == "cpu" else self._device
        fits = own is not None and own.device == where and own.shape == like.shape and own.stride() == like.stride()
        if own is not None and fits and not self._lent:
            return own.data
        return torch.empty_like(like, device=where)

    def plain_room(self, where: torch.device) -> Tensor:
        """``room`` in C order."""
        return self.room(torch.empty(self.shape, device="meta"), where)

    def release(self) -> None:
        """Give the memory back before new content is computed; not where a NumPy view of it has been given out."""
        if not self._exposed:
            self._become_known()
            self._host = self._device = self._whole = None
            self._zero = True

    def lend(self) -> Tensor:
        """The tensor, for a recipe of another array: nobody changes this memory from now on, unless through NumPy."""
        tensor = self.get()
        self._lent = not self._exposed
        return tensor if self._lent else tensor.clone()

    def promise(self, recipe: Recipe, like: Tensor, source: _Array | None = None) -> None:
        """Take as new content what ``recipe`` computes, laid out like ``like``, when it is asked for.

        ``source`` is an array that the recipe reads and that the user may change.
        """
        self._become_known()
        self._promise = recipe, like
        if source is not None:
            source._readers.add(self)
        if self._exposed:
            self.keep_promise()

    def keep_promise(self) -> None:
        """Compute what was promised."""
        if self._promise is not None:
            recipe, like = self._promise
            value = self.room(like)
            recipe(slice(0, len(value)), value)
            self.set(value)

    def promised(self) -> Recipe | None:
        """The recipe, where the content is still to be computed: who needs it once can have it part by part."""
        return self._promise[0] if self._promise else None

    def _become_known(self) -> None:
        self._zero, self._promise = False, None

    @property
    def is_zero(self) -> bool:
        """Whether the array is known to be all zeros, without a look at it."""
        return self._zero or (self._host is None and self._device is None and self._promise is None)

    def clear(self) -> None:
        """Fill with zeros; without memory traffic where no NumPy view has been given out."""
        self._become_known()
        if self._exposed and self._host is not None:
            self._device, self._newest_on_host = None, True
            self._host.zero_()
        else:
            self._zero = True

    def change(self, operation: Callable[[Tensor], object]) -> None:
        """Apply an in-place ``operation`` to the tensor on the current device."""
        tensor = self.get()
        if self._lent:
            tensor = tensor.clone()
        operation(tensor)
        self.set(tensor)

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give the array another shape; the first elements stay, and all that its memory has held, as in Caffe."""
        if shape == self.shape:
            return
        # What was promised for the old shape is not computed for the new one's sake: its source may have changed too.
        old = None if self.is_zero or self._promise is not None else self.numpy().reshape(-1)
        size = _count(shape)
        self.shape = shape
        self._become_known()
        self._host = self._device = None
        self._newest_on_host = True
        self._exposed = self._lent = False
        whole, self._whole = self._whole, None
        if old is not None:
            if whole is None or whole.ctypes.data != old.ctypes.data:
                whole = old
            if size <= whole.size:
                self._host = torch.from_numpy(whole[:size]).reshape(shape)
                self._exposed = size == old.size
                self._whole = whole if size < whole.size else None
            else:
                self._host = torch.zeros(shape)
                self._host.reshape(-1)[: old.size] = torch.from_numpy(old)

    def begin_fetch(self) -> bool:
        """Start to copy from the GPU what ``numpy`` will give, where that is needed; the caller then waits for it."""
        if self._newest_on_host or self._device is None or self._zero or self._promise is not None:
            return False
        if self._host is None or not self._exposed:
            self._host = torch.empty(self.shape, pin_memory=True)
        self._host.copy_(self._device, non_blocking=True)
        self._newest_on_host = True
        return True

    def _to_host(self) -> Tensor:
        self.keep_promise()
        if self._zero:
            self._zero, self._newest_on_host = False, True
            self._host = self._device = None
        if not self._newest_on_host and self._device is not None:
            if self._host is not None and self._exposed:
                self._host.copy_(self._device)
            else:
                self._host = self._device.cpu()
            self._newest_on_host = True
        if self._host is None:
            self._host = torch.zeros(self.shape)
        return self._host


class _Reshaped(_Array):
    """The memory of another array, ``owner``, in a shape of its own."""

    def __init__(self, owner: _Array, shape: tuple[int, ...]):
        super().__init__(shape)
        self._owner = owner
        self._readers = owner._readers

    def numpy(self) -> np.ndarray:
        return self._owner.numpy().reshape(self.shape)

    def get(self) -> Tensor:
        return self._owner.get().reshape(self.shape)

    def set(self, value: Tensor) -> None:
        self._owner.set(value.reshape(self._owner.shape))

    def room(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        return torch.empty_like(like, device=where or device.current())

    def release(self) -> None:
        self._owner.release()

    def lend(self) -> Tensor:
        return self.get().clone()

    def promise(self, recipe: Recipe, like: Tensor, source: _Array | None = None) -> None:
        value = torch.empty_like(like, device=device.current())
        recipe(slice(0, len(value)), value)
        self.set(value)

    def keep_promise(self) -> None:
        self._owner.keep_promise()

    @property
    def is_zero(self) -> bool:
        return self._owner.is_zero

    def clear(self) -> None:
        self._owner.clear()

    def change(self, operation: Callable[[Tensor], object]) -> None:
        tensor = self.get().clone()
        operation(tensor)
        self.set(tensor)

    def reshape(self, shape: tuple[int, ...]) -> None:
        if _count(shape) != _count(self.shape):
            raise CaffeError(f"blob of shape {self.shape}: shares its memory, which {shape} does not fit")
        self.shape = shape

    def begin_fetch(self) -> bool:
        return self._owner.begin_fetch()


def _count(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


class Blob:
    """pycaffe's Blob: ``data`` and ``diff`` (float32, C order), their ``shape``, and ``reshape``.

    ``data`` and ``diff`` are writable NumPy arrays that live on after the net is gone.
    """

    def __init__(self, *shape: int):
        self._data = _Array(tuple(int(n) for n in shape))
        self._diff = _Array(self._data.shape)

    # --- what pycaffe shows ---

    @property
    def data(self) -> np.ndarray:
        return self._data.numpy()

    @property
    def diff(self) -> np.ndarray:
        return self._diff.numpy()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def count(self) -> int:
        return _count(self.shape)

    def reshape(self, *shape: int) -> None:
        """Give the blob another shape, e.g. ``blob.reshape(1, 3, 227, 227)``; nets follow on their next forward."""
        new = tuple(int(n) for n in shape)
        if any(n < 0 for n in new):
            raise CaffeError(f"blob shape {new}: every axis must be 0 or more")
        self._data.reshape(new)
        self._diff.reshape(new)

    num = property(lambda self: self._legacy(0), doc="Axis 0 of the four-axis view.")
    channels = property(lambda self: self._legacy(1), doc="Axis 1 of the four-axis view.")
    height = property(lambda self: self._legacy(2), doc="Axis 2 of the four-axis view.")
    width = property(lambda self: self._legacy(3), doc="Axis 3 of the four-axis view.")

    def _legacy(self, axis: int) -> int:
        if len(self.shape) > 4:
            raise CaffeError(f"blob of shape {self.shape}: num, channels, height and width need at most 4 axes")
        return self.shape[axis] if axis < len(self.shape) else 1

    # --- what layers, nets and solvers use ---

    @staticmethod
    def fetch(blobs: Iterable[Blob]) -> None:
        """Bring the data of all ``blobs`` to the host at once, where one by one would wait for the GPU each time."""
        if any([blob._data.begin_fetch() for blob in blobs]):
            device.synchronize()

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
            product = self._diff.plain_room(left.device).view(left.shape[0], right.shape[1])
            self._diff.set(torch.mm(left, right, out=product))
        else:
            self._diff.change(lambda diff: diff.view(left.shape[0], right.shape[1]).addmm_(left, right))

    def clear_diff(self) -> None:
        """Set the gradient to zero."""
        self._diff.clear()

    def change(self, operation: Callable[[Tensor], object]) -> None:
        """Change the data in place: ``operation`` gets the tensor on the current device."""
        self._data.change(operation)

    def room(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        """Memory for data that ``assign`` gets next, laid out like ``like``; the data until now are lost."""
        return self._data.room(like, where)

    def release(self) -> None:
        """Say that new data will be assigned and those until now are no longer needed."""
        self._data.release()

    def diff_room(self, like: Tensor) -> Tensor:
        """Memory for a gradient that ``assign_diff`` gets next, laid out like ``like``; the one until now is lost."""
        return self._diff.room(like)

    def promise(self, recipe: Recipe, like: Tensor, source: Blob) -> None:
        """Take as data what ``recipe`` makes of the data of ``source``, when somebody asks for it."""
        self._data.promise(recipe, like, source._data)

    def promised(self) -> Recipe | None:
        """The recipe of data that are still to be computed."""
        return self._data.promised()

    def lend_diff(self) -> Tensor:
        """The gradient for use in a recipe that ``promise_diff`` of another blob gets."""
        return self._diff.lend()

    def promise_diff(self, recipe: Recipe, like: Tensor) -> None:
        """Take as gradient what ``recipe`` computes, when somebody asks for it."""
        self._diff.promise(recipe, like)

    def promised_diff(self) -> Recipe | None:
        """The recipe of a gradient that is still to be computed."""
        return self._diff.promised()

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
        self._data, self._diff = _Reshaped(other._data, self.shape), _Reshaped(other._diff, self.shape)

    def adopt_shape(self, shape: tuple[int, ...]) -> None:
        """Like ``reshape``, for a layer's tops: cheap where nothing changes."""
        if shape != self._data.shape or shape != self._diff.shape:
            self.reshape(*shape)
