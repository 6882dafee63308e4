"""LazyArray: an array whose content may still have to be computed.

A layer may leave a function in place of its output. The next layer calls it for some images at a time, so that a large
blob between the two needs no memory. Where the whole content is asked for, it is computed then. Zeros are deferred too.
"""

from __future__ import annotations

import weakref
from typing import Callable, NamedTuple

import numpy as np
import torch
from torch import Tensor

from caffe_torch.blob.array import Array

#: Writes some images of an array, ``slice``, into a tensor of their shape.
ComputeImages = Callable[[slice, Tensor], None]


class _Deferred(NamedTuple):
    """How to compute a content, and a tensor without memory of its layout."""

    compute: ComputeImages
    like: Tensor


def _write_zeros(images: slice, out: Tensor) -> None:
    out.zero_()


class LazyArray(Array):
    """Array with lazy evaluation: deferred content is computed when it is read, and dropped when it is replaced."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(shape)
        self._deferred: _Deferred | None = None
        #: Arrays whose deferred content is computed from this one.
        self._readers: weakref.WeakSet[LazyArray] = weakref.WeakSet()
        #: The deferred content of another array is computed from this memory: a change is made in a copy.
        self._copy_on_write = False

    # --- deferred content ---

    def defer(self, compute: ComputeImages, like: Tensor, source: LazyArray | None = None) -> None:
        """Take as new content what ``compute`` writes, laid out like ``like``, when it is asked for.

        ``source`` is an array that ``compute`` reads and that the user may change.
        """
        self._deferred = _Deferred(compute, like)
        if source is not None:
            source._readers.add(self)
        if self._exposed:
            self.evaluate()

    def evaluate(self) -> None:
        """Compute deferred content."""
        if self._deferred is not None:
            compute, like = self._deferred
            value = self.buffer(like)
            compute(slice(0, len(value)) if value.dim() else slice(None), value)
            self.set(value)

    def deferred(self) -> ComputeImages | None:
        """The function that computes deferred content, for a reader that takes some images at a time; else None."""
        return None if self._deferred is None or self._zeros_deferred else self._deferred.compute

    def read_only(self) -> Tensor:
        """The tensor, for the deferred content of another array.

        Later changes are made in a copy, except those through a NumPy view.
        """
        tensor = self.get()
        self._copy_on_write = not self._exposed
        return tensor if self._copy_on_write else tensor.clone()

    @property
    def _zeros_deferred(self) -> bool:
        return self._deferred is not None and self._deferred.compute is _write_zeros

    # --- Array's methods, with deferred content and copy on write ---

    @property
    def is_zero(self) -> bool:
        return self._zeros_deferred if self._deferred is not None else super().is_zero

    def clear(self) -> None:
        """Fill with zeros; without memory traffic where no NumPy view has been given out."""
        if self._exposed:
            self._deferred = None
            super().clear()
        else:
            self._deferred = _Deferred(_write_zeros, torch.empty(self.shape, device="meta"))

    def numpy(self) -> np.ndarray:
        for reader in self._readers:
            reader.evaluate()  # before the caller changes what it reads
        self.evaluate()
        if self._copy_on_write:
            self._host, self._copy_on_write = self._to_host().clone(memory_format=torch.contiguous_format), False
        return super().numpy()

    def get(self) -> Tensor:
        self.evaluate()
        return super().get()

    def set(self, value: Tensor) -> None:
        self._deferred, self._copy_on_write = None, False
        super().set(value)

    def change(self, operation: Callable[[Tensor], object]) -> None:
        if self._copy_on_write:
            self.set(self.get().clone())
        super().change(operation)

    def buffer(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        if self._copy_on_write:
            self._forget()
        return super().buffer(like, where)

    def release(self) -> None:
        if not self._exposed:
            self._deferred = None
        super().release()

    def reshape(self, shape: tuple[int, ...]) -> None:
        if shape != self.shape and self._deferred is not None:
            # Dropped, not computed: the arrays that it is computed from may have changed as well.
            self._deferred = None
            self._forget()
        super().reshape(shape)

    def to_fetch(self) -> Tensor | None:
        return super().to_fetch() if self._deferred is None else None

    def to_send(self) -> Tensor | None:
        return super().to_send() if self._deferred is None else None

    def _forget(self) -> None:
        self._copy_on_write = False
        super()._forget()
