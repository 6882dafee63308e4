"""LMDB records as Caffe's Data layer reads them: in the order of the keys, from the first again after the last."""

from __future__ import annotations

import gc
import os
import re
import time
import weakref
from collections.abc import Iterator
from typing import Any

import lmdb

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2

# One environment a path and process: LMDB forbids a second.
_open: weakref.WeakValueDictionary[str, Source] = weakref.WeakValueDictionary()

#: How often, in steps of _PAUSE seconds, to wait for a reader of a net that is gone: its thread ends a little later.
_TRIES, _PAUSE = 100, 0.02

#: How many records ``sample`` reads at each end, and how many in between.
_ENDS, _BETWEEN = 4, 24


class Source:
    """A read-only LMDB of Datum records; ``len()`` is their number."""

    def __init__(self, path: str):
        self.path = path
        file = os.path.join(path, "data.mdb")
        if not os.path.isdir(path) or not os.path.exists(file):
            raise CaffeError(f"{path}: is no LMDB (a folder with data.mdb is expected): build it first")
        try:
            self.environment = _environment(path)
            with self.environment.begin() as transaction:
                stat = transaction.stat()
                self.count = stat["entries"]
            needed = (self.environment.info()["last_pgno"] + 1) * stat["psize"]
        except lmdb.Error as error:
            raise CaffeError(f"{path}: cannot be opened as an LMDB ({error})") from None
        size = os.path.getsize(file)
        if size < needed:  # reading a page that is not there would end the process
            self.environment.close()
            raise CaffeError(
                f"{file}: is cut short: it has {size} bytes, its pages need {needed}; copy or build it anew"
            )
        if self.count == 0:
            raise CaffeError(f"{path}: is an empty LMDB")

    def __len__(self) -> int:
        return self.count

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """(key, serialized Datum) without end, beginning with record ``start`` modulo the number of records."""
        skip = start % self.count
        try:
            while True:
                with self.environment.begin() as transaction:
                    cursor = transaction.cursor()
                    cursor.first()
                    for _ in range(skip):
                        cursor.next()
                    yield from cursor.iternext()
                skip = 0
        except lmdb.Error as error:
            raise CaffeError(f"{self.path}: is damaged ({error}): build it anew") from None

    def sample(self) -> Iterator[tuple[bytes, bytes]]:
        """Some records: the first and the last ones, and some that are spread between them; the first comes first."""
        try:
            with self.environment.begin() as transaction:
                cursor = transaction.cursor()
                seen: dict[bytes, None] = {}
                cursor.last()
                last = cursor.key()
                cursor.first()
                first = cursor.key()
                for _ in range(min(_ENDS, self.count)):
                    seen[cursor.key()] = None
                    cursor.next()
                for key in _between(first, last):
                    if cursor.set_range(key):
                        seen[cursor.key()] = None
                cursor.last()
                for _ in range(min(_ENDS, self.count)):
                    seen[cursor.key()] = None
                    cursor.prev()
                for key in seen:
                    cursor.set_key(key)
                    yield key, cursor.value()
        except lmdb.Error as error:
            raise CaffeError(f"{self.path}: is damaged ({error}): build it anew") from None


def _environment(path: str) -> lmdb.Environment:
    """The environment, without the lock file: a finished LMDB has no writer, and a reader needs no write permission."""
    for tried in range(_TRIES):
        try:
            return lmdb.open(path, readonly=True, lock=False, readahead=True, max_readers=64)
        except lmdb.Error as error:
            if "already open" not in str(error) or tried == _TRIES - 1:
                raise
            gc.collect()
            time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def _between(first: bytes, last: bytes) -> Iterator[bytes]:
    """Keys at even steps from ``first`` to ``last``: by the number that both have where they begin to differ, as keys
    mostly are counted in decimal digits; by their bytes else."""
    common = len(os.path.commonprefix([first, last]))
    digits = [re.match(rb"\d{0,15}", key[common:]) for key in (first, last)]
    width = min(len(match.group()) for match in digits if match)
    if width:
        low, high = (int(key[common : common + width]) for key in (first, last))
    else:
        low, high = (int.from_bytes(key[common : common + 8].ljust(8, b"\0"), "big") for key in (first, last))
    for i in range(1, _BETWEEN + 1):
        number = low + (high - low) * i // (_BETWEEN + 1)
        yield first[:common] + (b"%0*d" % (width, number) if width else number.to_bytes(8, "big"))


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
