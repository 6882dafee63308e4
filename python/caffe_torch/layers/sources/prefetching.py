"""Layers that make their batches ahead, each from its number alone, so that a training can go on at any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.input.prefetch import Prefetcher
from caffe_torch.layers.base import Layer
from caffe_torch.runtime import device, rng


class Reader(Protocol):
    """Makes batches; knows nothing of its layer, as a thread of its own uses it."""

    #: (channels, height, width) of the first batch's items.
    shape: tuple[int, ...]

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(items, labels) of batch ``index``: float32, items of (batch size, ...); the same at every call."""
        ...


class _Ahead:
    """Batch after batch of a reader, from ``start`` on; of each top that is ``wanted`` there, on the device."""

    def __init__(self, reader: Reader, start: int, wanted: Sequence[bool]):
        self._reader, self._next, self._wanted = reader, start, wanted

    def __call__(self) -> tuple[Tensor, Tensor]:
        arrays = self._reader.batch(self._next)
        self._next += 1
        items, labels = (
            device.upload(array) if wanted else torch.from_numpy(array) for array, wanted in zip(arrays, self._wanted)
        )
        return items, labels


class PrefetchingLayer(Layer):
    """A data layer of one or two tops (items, labels), ``data_param.prefetch`` batches ahead; subclasses give ``open``.

    A batch is uploaded ahead once a layer has read one on the device: labels that a layer in NumPy alone reads stay on
    the host. Its state is its seed and how many batches it has served; those that wait in the queue are made anew.
    """

    bottoms = (0, 0)
    tops: tuple[int, int | None] = (1, 2)

    def open(self, seed: int) -> Reader:
        """Check the settings and the source, and give the reader whose batches are drawn by ``seed``."""
        raise NotImplementedError

    def batch_size(self) -> int:
        raise NotImplementedError

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self.batch_size() < 1:
            raise self.fail("batch_size must be at least 1")
        self.seed = rng.spawn_seed()
        #: Batches handed out so far.
        self.served = 0
        self.reader = self.open(self.seed)
        self._prefetcher: Prefetcher | None = None
        self._wanted = [False] * 2  # of each top, whether it has been read on the device
        top[0].adopt_shape((self.batch_size(), *self.reader.shape))
        if len(top) > 1:
            top[1].adopt_shape((self.batch_size(),))

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        """Each batch brings its shape."""

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self._prefetcher is not None and self._prefetcher.lost:
            self.load_state_dict(self.state_dict())
        if self._prefetcher is None:  # begun at the first use: a net that is only inspected reads nothing
            self._prefetcher = Prefetcher(
                _Ahead(self.reader, self.served, self._wanted), self.param.data_param.prefetch
            )
        batch = self._prefetcher.next()
        self.served += 1
        for i, (blob, values) in enumerate(zip(top, batch)):
            self._wanted[i] = self._wanted[i] or blob.on_device
            blob.adopt_shape(tuple(values.shape))
            blob.assign(device.received(values))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """Data has no gradient."""

    def state_dict(self) -> dict[str, Any]:
        return {"seed": self.seed, "served": self.served}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seed, self.served = int(state["seed"]), int(state["served"])
        self.reader = self.open(self.seed)
        self._prefetcher = None


def first_record(seed: int, rand_skip: int) -> int:
    """Where a layer with ``rand_skip`` begins: a number below it, drawn once."""
    return int(stream(seed, 1).integers(rand_skip)) if rand_skip else 0


def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of ``count`` files in an epoch, from 0, of a layer that shuffles them: a permutation of int64."""
    return stream(seed, 2, epoch).permutation(count)


def stream(seed: int, purpose: int, number: int = 0) -> np.random.Generator:
    """A random stream of a data layer apart from those of its batches, which are ``default_rng((seed, batch, item))``.

    NumPy fills up with zeros: (seed), (seed, 0) and (seed, 0, 0) are one stream, so ``purpose`` is 1 or more.
    """
    return np.random.default_rng((seed, 0, number, purpose))
