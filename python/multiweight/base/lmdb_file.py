"""LMDBs read: without locks and without write permission, in the order of their keys' bytes."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import lmdb

from multiweight.base.errors import UserError

Item = tuple[bytes, bytes]


class LmdbFile:
    """An LMDB, open to read; UserError where there is none, or one that is damaged.

    LMDB opens a path once in a process; a net that is gone ends its reader's thread a little later: up to ``wait``
    seconds for it. Use it as a context manager, or ``close`` it.
    """

    def __init__(self, path: str | Path, readahead: bool = True, wait: float = 0.0):
        self.path = Path(path)
        if not exists(self.path):
            raise UserError(f"{path}: no LMDB there: pack the data first (make lmdb)")
        until = time.monotonic() + wait
        while True:
            try:
                self._env = lmdb.open(str(path), readonly=True, lock=False, readahead=readahead)
                return
            except lmdb.Error as error:
                if "already open" not in str(error) or time.monotonic() >= until:
                    raise UserError(f"{path}: cannot be opened as an LMDB ({error}): pack the data again") from None
                gc.collect()
                time.sleep(0.05)

    def __len__(self) -> int:
        return int(self._env.stat()["entries"])

    def __enter__(self) -> LmdbFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what is read afterwards is an error."""
        self._env.close()

    def get(self, key: bytes) -> bytes | None:
        """The value under ``key``, None where there is none."""
        with self._told(), self._env.begin() as transaction:
            value = transaction.get(key)
        return None if value is None else bytes(value)

    def keys(self) -> Iterator[bytes]:
        """The keys alone."""
        with self._told(), self._env.begin() as transaction:
            yield from transaction.cursor().iternext(keys=True, values=False)

    def items(self, start: bytes = b"") -> Iterator[Item]:
        """(key, value) from the key ``start`` on."""
        with self._told(), self._env.begin() as transaction:
            cursor = transaction.cursor()
            if cursor.set_range(start):
                yield from cursor.iternext()

    def last_key(self) -> bytes:
        """The last key, b"" where there is none."""
        with self._told(), self._env.begin() as transaction:
            cursor = transaction.cursor()
            return bytes(cursor.key()) if cursor.last() else b""

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise UserError(f"{self.path}: damaged ({error}): pack the data again") from None


def exists(path: Path) -> bool:
    """Whether there is an LMDB at ``path``, whole or not."""
    return (path / "data.mdb").is_file()


def keys(path: Path) -> Iterator[bytes]:
    """The keys of an LMDB that is open for no longer than they are read; none where there is no LMDB."""
    if exists(path):
        with LmdbFile(path, readahead=False) as file:
            yield from file.keys()


def items(path: Path, start: bytes = b"") -> Iterator[Item]:
    """(key, value) from the key ``start`` on, as ``keys``."""
    if exists(path):
        with LmdbFile(path, readahead=False) as file:
            yield from file.items(start)
