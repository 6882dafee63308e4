"""LevelDB records as Caffe's Data layer reads them: in the order of the keys, from the first again after the last."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from caffe_torch.errors import CaffeError
from caffe_torch.files.records import ENDS, Source, between
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import plyvel
else:
    plyvel = Lazy("plyvel")

#: A database of at most so many bytes is counted by reading it through.
_COUNTED = 256 << 20


class LevelDbSource(Source):
    """A read-only LevelDB of Datum records.

    Opening a LevelDB writes into its folder and keeps everyone else out. So a folder of links is opened in its place,
    made where temporary files lie: nothing of the database changes, it may lie on a read-only disk, and any number of
    processes read it.
    """

    kind, mark = "LEVELDB", "CURRENT"

    def __init__(self, path: str):
        self.path = path
        open_leveldb = leveldb_class(path)
        view = _linked(path)
        weakref.finalize(self, shutil.rmtree, view, ignore_errors=True)
        try:
            self._store = open_leveldb(view, create_if_missing=False, paranoid_checks=True)
        except plyvel.Error as error:
            raise CaffeError(f"{path}: cannot be opened as a LevelDB ({_said(error, view)})") from None
        self._view = view
        #: The number of records; None until all of them were passed once.
        self._count: int | None = None
        if next(self._ordered(), None) is None:
            raise CaffeError(f"{path}: is an empty LevelDB")

    def quick_count(self) -> int | None:
        # The greatest key may begin with any bytes, so the range goes up to a key that none reaches in practice.
        if self._count is None and self._store.approximate_size(b"", b"\xff" * 64) <= _COUNTED:
            self._count = sum(1 for _ in self._ordered())
        return self._count

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        skip = start % self._count if self._count else start
        while True:
            passed = 0
            for passed, record in enumerate(self._ordered(), 1):
                if passed > skip:
                    yield record
            self._count = passed
            skip = (skip % passed) if skip >= passed else 0

    def once(self) -> Iterator[tuple[bytes, bytes]]:
        return self._ordered()

    def sample(self) -> Iterator[tuple[bytes, bytes]]:
        seen: dict[bytes, bytes] = {}
        first = list(islice(self._ordered(), ENDS))
        last = list(islice(self._ordered(reverse=True), ENDS))
        seen.update(first)
        for key in between(first[0][0], last[0][0]):
            seen.update(islice(self._ordered(key), 1))
        seen.update(last)
        yield from seen.items()

    def _ordered(self, start: bytes | None = None, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Records in order from the first key that is not below ``start``, or from the last one backwards.

        Each block's checksum is looked at: the original takes a damaged block for the end.
        """
        try:
            with self._store.raw_iterator(verify_checksums=True, fill_cache=False) as at:
                if reverse:
                    at.seek_to_last()
                elif start is None:
                    at.seek_to_first()
                else:
                    at.seek(start)
                while at.valid():
                    yield at.item()
                    if reverse:
                        at.prev()
                    else:
                        at.next()
        except plyvel.Error as error:
            raise CaffeError(f"{self.path}: is damaged ({_said(error, self._view)}): build it anew") from None


def leveldb_class(path: str) -> Any:
    """``plyvel.DB``; CaffeError that says how to get it where it is missing, for the LevelDB in the folder ``path``."""
    try:
        return plyvel.DB
    except ImportError:
        raise CaffeError(
            f"{path}: is a LevelDB, and plyvel, which reads and writes it, is not installed: pip install "
            "'multiweight[leveldb]' (there are wheels up to Python 3.12), or use an LMDB"
        ) from None


def _linked(path: str) -> str:
    """A temporary folder with what opening the database may change as copies, and with links to its records."""
    view = tempfile.mkdtemp(prefix="leveldb-")
    try:
        for name in os.listdir(path):
            file = os.path.join(os.path.abspath(path), name)
            if name == "CURRENT" or name.startswith("MANIFEST-"):
                shutil.copyfile(file, os.path.join(view, name))
            elif name.endswith((".log", ".ldb", ".sst")):
                os.symlink(file, os.path.join(view, name))
    except OSError as error:
        shutil.rmtree(view, ignore_errors=True)
        raise CaffeError(f"{path}: cannot be read ({error.strerror})") from None
    return view


def _said(error: Exception, view: str) -> str:
    """The error's words without the temporary folder's name."""
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return text.replace(view + "/", "").replace(view, "the folder") or type(error).__name__
