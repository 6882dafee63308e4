"""LMDB records as Caffe's Data layer reads them: in the order of the keys, from the first again after the last."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from typing import Any

import lmdb

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2

# One environment a path and process: LMDB forbids a second.
_open: weakref.WeakValueDictionary[str, Source] = weakref.WeakValueDictionary()


class Source:
    """A read-only LMDB of Datum records; ``len()`` is their number."""

    def __init__(self, path: str):
        self.path = path
        if not os.path.isdir(path) or not os.path.exists(os.path.join(path, "data.mdb")):
            raise CaffeError(f"{path}: is no LMDB (a folder with data.mdb is expected): build it first")
        try:
            # Nobody writes to a finished LMDB, and without the lock file a reader needs no write permission.
            self.environment = lmdb.open(path, readonly=True, lock=False, readahead=True, max_readers=64)
            with self.environment.begin() as transaction:
                self.count = transaction.stat()["entries"]
        except lmdb.Error as error:
            raise CaffeError(f"{path}: cannot be opened as an LMDB ({error})") from None
        if self.count == 0:
            raise CaffeError(f"{path}: is an empty LMDB")

    def __len__(self) -> int:
        return self.count

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """(key, serialized Datum) without end, beginning with record ``start`` modulo the number of records."""
        skip = start % self.count
        while True:
            with self.environment.begin() as transaction:
                for index, (key, value) in enumerate(transaction.cursor()):
                    if index >= skip:
                        yield key, value
            skip = 0


def open_source(path: str) -> Source:
    """The Source of ``path``, shared by all layers of the process that read it."""
    real = os.path.realpath(path)
    found = _open.get(real)
    if found is None:
        found = _open[real] = Source(real)
    return found


def parse(key: bytes, value: bytes, source: str) -> Any:
    """The Datum of a record; CaffeError names the database and the key."""
    datum = caffe_pb2.Datum()
    try:
        datum.ParseFromString(value)
    except Exception:
        raise CaffeError(f"{source}: record {key.decode('utf-8', 'replace')!r} is no Datum") from None
    return datum
