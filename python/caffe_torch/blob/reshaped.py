"""Reshaped: an array that is another one's memory in a shape of its own."""

from __future__ import annotations

from typing import Callable

import numpy as np
import torch
from torch import Tensor

from caffe_torch.blob.array import count, empty_like
from caffe_torch.blob.lazy import ComputeImages, LazyArray
from caffe_torch.errors import CaffeError
from caffe_torch.runtime import device


class Reshaped(LazyArray):
    """The memory of another array, ``owner``, in a shape of its own."""

    def __init__(self, owner: LazyArray, shape: tuple[int, ...]):
        super().__init__(shape)
        self._owner = owner
        self._readers = owner._readers

    def numpy(self) -> np.ndarray:
        return self._owner.numpy().reshape(self.shape)

    def get(self) -> Tensor:
        return self._owner.get().reshape(self.shape)

    def set(self, value: Tensor) -> None:
        self._owner.set(value.reshape(self._owner.shape))

    def buffer(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        return empty_like(like, where or device.current())

    def release(self) -> None:
        self._owner.release()

    def read_only(self) -> Tensor:
        return self.get().clone()

    def defer(self, compute: ComputeImages, like: Tensor, source: LazyArray | None = None) -> None:
        value = empty_like(like, device.current())
        compute(slice(0, len(value)), value)
        self.set(value)

    def evaluate(self) -> None:
        self._owner.evaluate()

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

    def to_fetch(self) -> Tensor | None:
        return None  # numpy() asks the owner

    def to_send(self) -> Tensor | None:
        return None  # as get() does
