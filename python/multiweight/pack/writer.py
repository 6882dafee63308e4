"""Writes one LMDB in the order of its keys, so that a killed run goes on and ends with the same bytes.

Every call of ``put`` opens the file, writes one transaction and closes it: LMDB then decides from the file alone where
pages go, and what follows a commit is the same whether the process lived on or another one took over. An LMDB goes on
after a stop, so ``whole_file``, which removes what is not whole, cannot make it: that stays, its name ends in
``.partial``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import lmdb

from multiweight.base import lmdb_file, whole_file
from multiweight.base.errors import UserError
from multiweight.base.lmdb_file import Item, LmdbFile

STEP = 1 << 26  # the map grows by 64 MiB: no terabyte map, which some hosts refuse


class LmdbWriter:
    """One LMDB under construction: its folder ends in ``.partial`` until ``finish``.

    So half an LMDB is never mistaken for a whole one. What an earlier run left is continued; a whole one gets its
    ``.partial`` back first. ``last`` is its last key (empty: none yet).
    """

    def __init__(self, path: Path):
        self.path = path
        self.partial = partial_of(path)
        if path.exists():
            remove(self.partial)
            os.replace(path, self.partial)
        self.partial.mkdir(parents=True, exist_ok=True)
        self.last = self._last()

    def put(self, items: Sequence[Item]) -> None:
        """Append (key, value) pairs, keys ascending, in one transaction; UserError when the disk is full.

        What the LMDB holds already is passed over: the pairs of one call, in the run before as in this one.
        """
        if not items or items[-1][0] <= self.last:
            return
        need = sum(len(value) for _, value in items) + (len(items) + 64) * 2 * 4096
        try:
            while True:
                try:
                    self._append(items, need)
                    break
                except lmdb.MapFullError:
                    need *= 2
        except lmdb.Error as error:
            raise UserError(
                f"{self.partial}: cannot be written ({error}): is the disk full? Make room and give the same command "
                "again: it goes on from here"
            ) from None
        self.last = items[-1][0]

    def _append(self, items: Sequence[Item], need: int) -> None:
        size = self.partial.joinpath("data.mdb").stat().st_size if self.last else 0
        size = -(-(size + need) // STEP) * STEP
        env = lmdb.open(str(self.partial), map_size=size, lock=False, sync=False, metasync=False, readahead=False)
        try:
            with env.begin(write=True) as transaction:
                cursor = transaction.cursor()
                for key, value in items:
                    if not cursor.put(key, value, append=True):
                        raise ValueError(f"key {key!r} is not above the last one")
        finally:
            env.close()

    def _last(self) -> bytes:
        if not lmdb_file.exists(self.partial):
            return b""
        try:
            with LmdbFile(self.partial, readahead=False) as file:
                return file.last_key()
        except UserError:
            # Killed before its first pages were there: nothing is lost by beginning anew.
            self.abandon()
            self.partial.mkdir()
            return b""

    def finish(self) -> None:
        """Flush to the disk, set the permissions and rename."""
        try:
            flush(self.partial / "data.mdb")
            flush(self.partial)
        except OSError as error:
            raise UserError(
                f"{self.partial}: cannot be written ({error.strerror}): make room and give the same command again"
            ) from None
        share(self.partial)
        os.replace(self.partial, self.path)

    def abandon(self) -> None:
        """Remove what was written."""
        remove(self.partial)


def partial_of(path: Path) -> Path:
    """The name of an LMDB that is not whole yet."""
    return path.with_name(path.name + whole_file.PARTIAL)


def flush(path: Path) -> None:
    """Have the system write a file or folder to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def share(path: Path) -> None:
    """Let another user read an LMDB, as a container's may be.

    The original opens it with a lock, so that lock.mdb must be writable for its readers. The data
    stays writable by its owner alone.
    """
    path.chmod(path.stat().st_mode | 0o555)
    for name, mode in (("data.mdb", 0o444), ("lock.mdb", 0o666)):
        file = path / name
        file.touch()
        file.chmod(file.stat().st_mode | mode)


def remove(path: Path) -> None:
    """Remove an LMDB's folder and its two files; anything else in it is left, and is a UserError."""
    if not path.exists():
        return
    for name in ("data.mdb", "lock.mdb"):
        (path / name).unlink(missing_ok=True)
    try:
        path.rmdir()
    except OSError as error:
        raise UserError(f"{path}: cannot be removed ({error.strerror}): expected data.mdb and lock.mdb alone") from None
