"""The records of a database as batches: which ones, for which process; what a record holds is the layer's business."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from caffe_torch.files.database import open_source
from caffe_torch.input.transform import TRAIN, Transformer
from caffe_torch.layers.sources.prefetching import first_record
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import ranks


class RecordReader:
    """Batch i holds the records from i * batch_size on; of N processes, each takes every N-th record in training."""

    def __init__(self, param: Any, phase: int, seed: int):
        self.param, self.seed = param, seed
        data = param.data_param
        self.size = data.batch_size
        self.source = open_source(data.source, caffe_pb2.DataParameter.DB.Name(data.backend))
        self.transform = Transformer(param.transform_param, phase, np.random.default_rng(seed))
        training = phase == TRAIN
        self.rank = ranks.rank() if training else 0
        self.stride = ranks.world_size() if training else 1
        self.start = first_record(seed, data.rand_skip)
        self._records: Iterator[tuple[bytes, bytes]] = iter(())
        self._next = -1

    def records_of(self, index: int) -> list[tuple[bytes, bytes]]:
        """(key, value) of each record of batch ``index``; batches in a row are read in a row."""
        if index != self._next:
            begin = self.start + self.rank + index * self.size * self.stride
            self._records = islice(self.source.records(begin), 0, None, self.stride)
        self._next = index + 1
        return list(islice(self._records, self.size))

    def where(self, key: bytes) -> str:
        """How a message names the record ``key``."""
        return f"{self.source.path}: record {key.decode('utf-8', 'replace')!r}"
