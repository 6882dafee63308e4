"""Data: images (or label vectors) from an LMDB or a LevelDB, transformed, in batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.files.database import open_source
from caffe_torch.files.records import parse
from caffe_torch.input.prefetch import in_threads
from caffe_torch.input.transform import datum_array
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.sources.prefetching import PrefetchingLayer, Reader
from caffe_torch.layers.sources.record_reader import RecordReader
from caffe_torch.runtime import device, log


class _Records(RecordReader):
    """Records that are Datums: images with a label each."""

    def __init__(self, param: Any, phase: int, seed: int):
        super().__init__(param, phase, seed)
        first = self._check_sample()
        self.shape = self.transform.shape(first.shape)

    def _check_sample(self) -> np.ndarray:
        """Read some records all over the database, so that a bad one is found now; returns the first as an array."""
        arrays = [(key, self._array(key, value)[0]) for key, value in self.source.sample()]
        first = arrays[0][1]
        for key, array in arrays:
            self._check_shape(key, array, first)
        return first

    def _check_shape(self, key: bytes, array: np.ndarray, first: np.ndarray) -> None:
        whole = self.size > 1 and not self.transform.crop[0]
        if array.shape[0] != first.shape[0] or (whole and array.shape != first.shape):
            raise CaffeError(f"{self.where(key)}: has shape {array.shape}, others have {first.shape}")

    def _array(self, key: bytes, value: bytes) -> tuple[np.ndarray, int]:
        datum = parse(key, value, self.source.path)
        array = datum_array(datum, self.where(key), self.param.transform_param)
        return array, datum.label

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        records = self.records_of(index)
        first, _ = self._array(*records[0])  # a batch is as large as its first record
        images = device.host_array(self.size, *self.transform.shape(first.shape))
        labels = np.empty(self.size, np.float32)

        def fill(i: int) -> None:
            array, labels[i] = self._array(*records[i])
            self._check_shape(records[i][0], array, first)
            # Draws of its own for each image: threads may make them in any order.
            draws = np.random.default_rng((self.seed, index, i)) if self.transform.is_random else None
            self.transform(array, images[i], draws)

        in_threads(fill, self.size)
        return images, labels


@register("Data")
class DataLayer(PrefetchingLayer):
    """Reads ``data_param.source`` in the order of its keys; the second top, if any, is ``Datum.label``."""

    def batch_size(self) -> int:
        return self.param.data_param.batch_size

    def open(self, seed: int) -> Reader:
        return _Records(self.param, self.phase, seed)


def warn_of_unequal(layers: Iterable[Layer]) -> None:
    """A line in the log where databases that are read side by side, such as images and labels, differ in length.

    From the end of the shorter one on, their records no longer belong together.
    """
    data_layers = [layer for layer in layers if isinstance(layer, DataLayer)]
    for first, second in zip(data_layers, data_layers[1:]):
        counts = [open_source(layer.param.data_param.source).quick_count() for layer in (first, second)]
        if None not in counts and counts[0] != counts[1]:
            log.warning(
                f"{first.param.data_param.source} has {counts[0]} records, {second.param.data_param.source} "
                f"{counts[1]}: after the shorter one's end they no longer belong together"
            )
