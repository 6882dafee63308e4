"""Array: the data or the gradient of a blob, on the host, on the device, or on both."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from caffe_torch.runtime import accelerator, device, free_memory


def empty_like(like: Tensor, where: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Memory laid out like ``like``, which may have none: torch.empty_like would import sympy for that, 1.8 s."""
    return torch.empty_strided(like.shape, like.stride(), dtype=dtype or like.dtype, device=where)


class Array:
    """Zeros at first; then copied from host to device, or back, only when the other side asks.

    The host side is a C-contiguous NumPy array whose memory a torch tensor shares. Once the user has been given that
    NumPy array, later results on the CPU are written into it, so that it stays a live view, as in pycaffe; until then
    results are taken over without a copy, in whatever memory format the layer produced.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self._host: Tensor | None = None
        self._device: Tensor | None = None
        self._newest_on_host = True
        #: Whether the user has been given the host's memory as a NumPy array.
        self._exposed = False
        #: The whole memory, where a reshape has left a part of it as the host's copy.
        self._whole: np.ndarray | None = None

    def numpy(self) -> np.ndarray:
        """The writable NumPy view; what is written there is what the layers read next."""
        host = self._to_host()
        if not host.is_contiguous():
            self._require_memory()
            host = self._host = host.clone(memory_format=torch.contiguous_format)
        self._exposed = True
        # The caller may write: from here on the host's copy is the one that counts.
        self._device, self._newest_on_host = None, True
        return host.numpy()

    def get(self) -> Tensor:
        """The tensor on the current device, in the array's shape."""
        where = device.current()
        if where.type == "cpu":
            host = self._to_host()
            self._device, self._newest_on_host = None, True
            return host
        if self._device is None or self._device.device != where:
            host = self._to_host()
            # The user may write the next values into memory that the device still reads: then wait for it.
            at_once = self._exposed and accelerator.pins_memory(where) and host.is_pinned()
            self._device = host.to(where, non_blocking=not at_once)
        return self._device

    def set(self, value: Tensor) -> None:
        """Take over ``value``, a tensor on any device, as the array's new content."""
        value = value.detach()
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
                self._host, self._whole = value, None

    def change(self, operation: Callable[[Tensor], object]) -> None:
        """Apply an in-place ``operation`` to the tensor on the current device."""
        tensor = self.get()
        operation(tensor)
        self.set(tensor)

    def clear(self) -> None:
        """Fill with zeros."""
        if self._host is not None and self._exposed:
            self._device, self._newest_on_host = None, True
            self._host.zero_()
        else:
            self._forget()

    def buffer(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        """Memory laid out like ``like``, on its device or ``where``, for content that ``set`` gets next.

        It is this array's own where that fits, so what was in the array is lost.
        """
        where = where or device.current()
        own = self._host if where.type == "cpu" else self._device
        fits = own is not None and own.device == where and own.shape == like.shape and own.stride() == like.stride()
        return own.data if own is not None and fits else empty_like(like, where)

    def contiguous_buffer(self, where: torch.device) -> Tensor:
        """``buffer`` in C order."""
        return self.buffer(torch.empty(self.shape, device="meta"), where)

    def release(self) -> None:
        """Give the memory back before new content is computed; not where a NumPy view of it has been given out."""
        if not self._exposed:
            self._forget()

    @property
    def on_device(self) -> bool:
        """Whether a device has the content."""
        return self._device is not None

    @property
    def is_zero(self) -> bool:
        """Whether the array is known to be all zeros, without a look at it."""
        return self._host is None and self._device is None

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give the array another shape; the first elements stay, and all that its memory has held, as in Caffe."""
        if shape == self.shape:
            return
        old = None if self.is_zero else self.numpy().reshape(-1)
        whole, size = self._whole, count(shape)
        self.shape = shape
        self._forget()
        self._exposed = False
        if old is None:
            return
        if whole is None or whole.ctypes.data != old.ctypes.data:
            whole = old
        if size <= whole.size:
            self._host = torch.from_numpy(whole[:size]).reshape(shape)
            self._exposed = size == old.size
            self._whole = whole if size < whole.size else None
        else:
            self._host = torch.zeros(shape)
            self._host.reshape(-1)[: old.size] = torch.from_numpy(old)

    # --- what transfers.py moves: several arrays at once ---

    def to_fetch(self) -> Tensor | None:
        """The content where only the device has it."""
        return None if self._newest_on_host else self._device

    def fetched(self, values: Tensor) -> None:
        """Take ``values`` as the host's copy of what ``to_fetch`` gave."""
        if self._host is not None and self._exposed:
            self._host.copy_(values)
        else:
            self._host, self._whole = values, None
        self._newest_on_host = True

    def to_send(self) -> Tensor | None:
        """The content where only the host has it."""
        return self._host if self._newest_on_host and self._device is None else None

    def sent(self, values: Tensor) -> None:
        """Take ``values`` as the device's copy of what ``to_send`` gave."""
        self._device = values

    def _forget(self) -> None:
        """Drop all memory, after which the content is zeros."""
        self._host = self._device = self._whole = None
        self._newest_on_host = True

    def _to_host(self) -> Tensor:
        if not self._newest_on_host and self._device is not None:
            if self._host is not None and self._exposed:
                self._host.copy_(self._device)
            else:
                self._host = self._device.cpu()
            self._newest_on_host = True
        if self._host is None:
            self._require_memory()
            self._host = torch.zeros(self.shape)
        return self._host

    def _require_memory(self) -> None:
        """CaffeMemoryError where the host has no memory for another copy: a blob gets its own when it is asked for."""
        free_memory.require(4 * count(self.shape), f"a blob of shape {self.shape}")


def count(shape: tuple[int, ...]) -> int:
    """How many values an array of that shape has."""
    return math.prod(shape)
