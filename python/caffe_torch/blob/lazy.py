"""LazyArray: an array whose content may still have to be computed.

A layer may promise what it would write: a recipe, which the next layer takes part by part, so that a large blob between
the two needs no memory. Whoever asks for the whole has it computed then. Zeros are such a promise too.
"""

from __future__ import annotations

import weakref
from typing import Callable, NamedTuple

import numpy as np
import torch
from torch import Tensor

from caffe_torch.blob.array import Array

#: Writes some images of an array, ``slice``, into a tensor of their shape.
Recipe = Callable[[slice, Tensor], None]


class _Promise(NamedTuple):
    """How to compute a content, and a tensor without memory of its layout."""

    recipe: Recipe
    like: Tensor


def _write_zeros(images: slice, out: Tensor) -> None:
    out.zero_()


class LazyArray(Array):
    """Array, with promises: they are kept when somebody asks for the content, and forgotten when it is replaced."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(shape)
        self._promise: _Promise | None = None
        #: Arrays whose promises read this one.
        self._readers: weakref.WeakSet[LazyArray] = weakref.WeakSet()
        #: Another array's recipe reads this memory: it may be replaced, but not changed.
        self._lent = False

    # --- promises ---

    def promise(self, recipe: Recipe, like: Tensor, source: LazyArray | None = None) -> None:
        """Take as new content what ``recipe`` computes, laid out like ``like``, when it is asked for.

        ``source`` is an array that the recipe reads and that the user may change.
        """
        self._promise = _Promise(recipe, like)
        if source is not None:
            source._readers.add(self)
        if self._exposed:
            self.keep_promise()

    def keep_promise(self) -> None:
        """Compute what was promised."""
        if self._promise is not None:
            recipe, like = self._promise
            value = self.room(like)
            recipe(slice(0, len(value)) if value.dim() else slice(None), value)
            self.set(value)

    def promised(self) -> Recipe | None:
        """The recipe, where the content is still to be computed: who needs it once can have it part by part."""
        return None if self._promise is None or self._promised_zeros else self._promise.recipe

    def lend(self) -> Tensor:
        """The tensor, for a recipe of another array: nobody changes this memory from now on, unless through NumPy."""
        tensor = self.get()
        self._lent = not self._exposed
        return tensor if self._lent else tensor.clone()

    @property
    def _promised_zeros(self) -> bool:
        return self._promise is not None and self._promise.recipe is _write_zeros

    # --- what an array does, where a promise or a loan changes it ---

    @property
    def is_zero(self) -> bool:
        return self._promised_zeros if self._promise is not None else super().is_zero

    def clear(self) -> None:
        """Fill with zeros; without memory traffic where no NumPy view has been given out."""
        if self._exposed:
            self._promise = None
            super().clear()
        else:
            self._promise = _Promise(_write_zeros, torch.empty(self.shape, device="meta"))

    def numpy(self) -> np.ndarray:
        for reader in self._readers:
            reader.keep_promise()  # before the caller changes what it reads
        self.keep_promise()
        if self._lent:
            self._host, self._lent = self._to_host().clone(memory_format=torch.contiguous_format), False
        return super().numpy()

    def get(self) -> Tensor:
        self.keep_promise()
        return super().get()

    def set(self, value: Tensor) -> None:
        self._promise, self._lent = None, False
        super().set(value)

    def change(self, operation: Callable[[Tensor], object]) -> None:
        if self._lent:
            self.set(self.get().clone())
        super().change(operation)

    def room(self, like: Tensor, where: torch.device | None = None) -> Tensor:
        if self._lent:
            self._forget()
        return super().room(like, where)

    def release(self) -> None:
        if not self._exposed:
            self._promise = None
        super().release()

    def reshape(self, shape: tuple[int, ...]) -> None:
        if shape != self.shape and self._promise is not None:
            # It is not computed for the new shape's sake: its source may have changed too.
            self._promise = None
            self._forget()
        super().reshape(shape)

    def to_fetch(self) -> Tensor | None:
        return super().to_fetch() if self._promise is None else None

    def to_send(self) -> Tensor | None:
        return super().to_send() if self._promise is None else None

    def _forget(self) -> None:
        self._lent = False
        super()._forget()
