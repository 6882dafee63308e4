"""Writes a new database of records, an LMDB or a LevelDB, as the original's tools do."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import lmdb

from caffe_torch.errors import CaffeError
from caffe_torch.files import whole_file
from caffe_torch.files.leveldb_reader import leveldb_class

#: Records a transaction.
_TOGETHER = 1000


class _Store(Protocol):
    def write(self, records: Sequence[tuple[bytes, bytes]]) -> None: ...

    def close(self) -> None: ...


class _Lmdb:
    def __init__(self, path: str):
        self._environment = lmdb.open(path, map_size=1 << 28, mode=0o664)

    def write(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in records:
                        transaction.put(key, value)
                return
            except lmdb.MapFullError:
                self._environment.set_mapsize(self._environment.info()["map_size"] * 2)

    def close(self) -> None:
        self._environment.close()


class _LevelDb:
    def __init__(self, path: str):
        # The original's settings.
        self._store: Any = leveldb_class(path)(
            path, create_if_missing=True, error_if_exists=True, block_size=1 << 16, write_buffer_size=1 << 28,
            max_open_files=100,
        )  # fmt: skip

    def write(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        with self._store.write_batch(sync=True) as batch:
            for key, value in records:
                batch.put(key, value)

    def close(self) -> None:
        self._store.close()


#: ``data_param.backend`` in small letters -> the database.
_KINDS: dict[str, type[_Lmdb] | type[_LevelDb]] = {"lmdb": _Lmdb, "leveldb": _LevelDb}


class NewDatabase:
    """A database in the folder ``path``, for a with statement: it appears there whole, or not at all after an error.

    ``backend`` is lmdb or leveldb. CaffeError where ``path`` exists, as the original writes over nothing.
    """

    def __init__(self, path: str, backend: str):
        self.path = path
        if backend not in _KINDS:
            raise CaffeError(f"{path}: unknown kind of database {backend!r}: expected lmdb or leveldb")
        target = Path(path)
        if target.exists():
            raise CaffeError(f"{path}: exists already; delete it first, or name another folder")
        self._partial = whole_file.beside(target)
        self._waiting: list[tuple[bytes, bytes]] = []
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            self._store: _Store = _KINDS[backend](str(self._partial))
        except Exception as error:
            self._remove()
            raise self._error(error) from None

    def __enter__(self) -> NewDatabase:
        return self

    def put(self, key: bytes, value: bytes) -> None:
        self._waiting.append((key, value))
        if len(self._waiting) == _TOGETHER:
            self._write()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._write()
            self._store.close()
            if error is None:
                whole_file.show(self._partial, self.path)
        finally:
            self._remove()

    def _write(self) -> None:
        try:
            self._store.write(self._waiting)
        except Exception as error:
            raise self._error(error) from None
        self._waiting.clear()

    def _remove(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)

    def _error(self, error: Exception) -> CaffeError:
        if isinstance(error, CaffeError):
            return error
        reason = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
        reason = reason.replace(str(self._partial), self.path)
        return CaffeError(f"{self.path}: cannot be written ({reason}): make room, or name another folder")
