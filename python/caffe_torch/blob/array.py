"""Array: one of a blob's two halves, on the host, on the device, on both, or still to be computed."""

from __future__ import annotations

import weakref
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import device

#: Writes some images of an array, ``slice``, into a tensor of their shape.
Recipe = Callable[[slice, Tensor], None]


def empty_like(like: Tensor, where: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Memory laid out like ``like``, which may have none: torch.empty_like would import sympy for that, 1.8 s."""
    return torch.empty_strided(like.shape, like.stride(), dtype=dtype or like.dtype, device=where)


class Array:
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
        self._readers: weakref.WeakSet[Array] = weakref.WeakSet()
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
        return empty_like(like, where)

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

    def promise(self, recipe: Recipe, like: Tensor, source: Array | None = None) -> None:
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
        size = count(shape)
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


class Reshaped(Array):
    """The memory of another array, ``owner``, in a shape of its own."""

    def __init__(self, owner: Array, shape: tuple[int, ...]):
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
        return empty_like(like, where or device.current())

    def release(self) -> None:
        self._owner.release()

    def lend(self) -> Tensor:
        return self.get().clone()

    def promise(self, recipe: Recipe, like: Tensor, source: Array | None = None) -> None:
        value = empty_like(like, device.current())
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
        if count(shape) != count(self.shape):
            raise CaffeError(f"blob of shape {self.shape}: shares its memory, which {shape} does not fit")
        self.shape = shape

    def begin_fetch(self) -> bool:
        return self._owner.begin_fetch()


def count(shape: tuple[int, ...]) -> int:
    """How many values an array of that shape has."""
    return int(np.prod(shape, dtype=np.int64))
