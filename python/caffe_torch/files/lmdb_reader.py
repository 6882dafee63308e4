"""LMDB records as Caffe's Data layer reads them: in the order of the keys, from the first again after the last."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator

import lmdb

from caffe_torch.errors import CaffeError
from caffe_torch.files.records import ENDS, Source, between

#: How often, in steps of _PAUSE seconds, to wait for a reader of a net that is gone: its thread ends a little later.
_TRIES, _PAUSE = 100, 0.02


class LmdbSource(Source):
    """A read-only LMDB of Datum records."""

    kind, mark = "LMDB", "data.mdb"

    def __init__(self, path: str):
        self.path = path
        file = os.path.join(path, self.mark)
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

    def quick_count(self) -> int:
        return self.count

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
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
        try:
            with self.environment.begin() as transaction:
                cursor = transaction.cursor()
                seen: dict[bytes, None] = {}
                cursor.last()
                last = cursor.key()
                cursor.first()
                first = cursor.key()
                for _ in range(min(ENDS, self.count)):
                    seen[cursor.key()] = None
                    cursor.next()
                for key in between(first, last):
                    if cursor.set_range(key):
                        seen[cursor.key()] = None
                cursor.last()
                for _ in range(min(ENDS, self.count)):
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
