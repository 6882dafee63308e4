"""Data: images (or label vectors) from an LMDB, transformed, in batches."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch

from caffe_torch import distributed, rng
from caffe_torch.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.layers.base import Layer, register
from caffe_torch.lmdb_reader import Source, open_source, parse
from caffe_torch.prefetch import Prefetcher
from caffe_torch.proto import caffe_pb2
from caffe_torch.transform import Transformer, datum_array


class _Batches:
    """Makes one batch after the other; owned by the prefetching thread."""

    def __init__(self, source: Source, param: Any, transform: Transformer, shape: tuple[int, ...], start: int):
        self.source, self.param, self.transform, self.shape = source, param, transform, shape
        # Of N processes, each takes every N-th record.
        self.records = islice(source.records(start), distributed.rank(), None, distributed.world_size())

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        size = self.param.data_param.batch_size
        images = np.empty((size, *self.transform.shape(self.shape)), np.float32)
        labels = np.empty(size, np.float32)
        for i in range(size):
            key, value = next(self.records)
            datum = parse(key, value, self.source.path)
            where = f"{self.source.path}: record {key.decode('utf-8', 'replace')!r}"
            image = datum_array(datum, where, self.param.transform_param)
            if image.shape[0] != self.shape[0]:
                raise _mismatch(where, image.shape, self.shape)
            if not self.param.transform_param.crop_size and image.shape != self.shape:
                raise _mismatch(where, image.shape, self.shape)
            self.transform(image, images[i])
            labels[i] = datum.label
        return images, labels


def _mismatch(where: str, found: tuple[int, ...], expected: tuple[int, ...]) -> CaffeError:
    return CaffeError(f"{where}: has shape {found}, the first record has {expected}")


@register("Data")
class DataLayer(Layer):
    """Reads ``data_param.source`` in the order of its keys; the second top, if any, is ``Datum.label``."""

    bottoms = (0, 0)
    tops = (1, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        data = self.param.data_param
        if data.backend != caffe_pb2.DataParameter.LMDB:
            raise self.fail("backend LEVELDB is not supported; convert to LMDB and say `backend: LMDB`")
        if data.batch_size < 1:
            raise self.fail("data_param.batch_size must be at least 1")
        self.source = open_source(data.source)
        key, value = next(self.source.records())
        first = datum_array(
            parse(key, value, data.source), f"{data.source}: record {key!r}", self.param.transform_param
        )
        self.shape = first.shape
        generator = rng.spawn()
        transform = Transformer(self.param.transform_param, self.phase, generator)
        self.top_shape = (data.batch_size, *transform.shape(self.shape))
        #: Batches handed out so far.
        self.served = 0
        start = int(generator.integers(data.rand_skip)) if data.rand_skip else 0
        self._make = _Batches(self.source, self.param, transform, self.shape, start)
        self._prefetcher: Prefetcher | None = None

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        top[0].adopt_shape(self.top_shape)
        if len(top) > 1:
            top[1].adopt_shape((self.top_shape[0],))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self._prefetcher is None:  # begun at the first use: a net that is only inspected reads nothing
            self._prefetcher = Prefetcher(self._make, self.param.data_param.prefetch)
        images, labels = self._prefetcher.next()
        self.served += 1
        top[0].assign(torch.from_numpy(images))
        if len(top) > 1:
            top[1].assign(torch.from_numpy(labels))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """Data has no gradient."""
