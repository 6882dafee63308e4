"""Where the pixels of an extraction come from: an image LMDB, or a list of image files."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from multiweight.base import engine, text_file
from multiweight.base.errors import UserError
from multiweight.base.lmdb_file import LmdbFile
from multiweight.photos import datum

#: Seconds to wait for a net's reader of the same LMDB to end.
_WAIT = 3.0


def pack_identity(path: Path, count: int) -> bytes:
    """What stands for the ``count`` images of a packed LMDB: its size, and what packing wrote beside it."""
    description = path.parent / "dataset.json"
    facts = json.dumps([count, (path / "data.mdb").stat().st_size]).encode()
    return facts + (description.read_bytes() if description.exists() else b"")


class LmdbImages:
    """Datum (raw or encoded, BGR) of an LMDB, in the order of the keys' bytes; closed by ``close``."""

    def __init__(self, caffe: ModuleType, path: Path):
        self.path, self.schema = path, engine.schema(caffe)
        self._file = LmdbFile(path, readahead=False, wait=_WAIT)
        self.count = len(self._file)

    def close(self) -> None:
        self._file.close()

    def identity(self) -> bytes:
        """What stands for the images."""
        return pack_identity(self.path, self.count)

    def keys(self) -> list[str]:
        return [key.decode() for key in self._file.keys()]

    def pixels(self, key: str) -> np.ndarray:
        """(3, height, width) of the image under ``key``; UserError where there is none."""
        value = self._file.get(key.encode())
        if value is None:
            raise UserError(f"{self.path}: no image under the key {key!r}: pack the images again")
        return self._pixels(f"{self.path}: key {key}", value)

    def images(self, start: int = 0) -> Iterator[tuple[str, np.ndarray]]:
        """(place for messages, pixels (3, height, width)) from the image number ``start`` on."""
        keys = self.keys()[start : start + 1]
        if not keys:
            return
        for key, value in self._file.items(keys[0].encode()):
            where = f"{self.path}: key {key.decode()}"
            yield where, self._pixels(where, value)

    def _pixels(self, where: str, value: bytes) -> np.ndarray:
        return datum.decode(datum.parsed(self.schema.Datum, value, where), where, floats=True)


class ListedImages:
    """Image files, each warped to ``size`` pixels a side as packing does; EXIF orientation applied.

    ``paths`` are the files, ``keys`` what the features are known by; ``path`` is the file that lists them.
    """

    def __init__(self, path: Path, paths: list[Path], keys: list[str], size: int):
        self.path, self.paths, self._keys, self.size, self.count = path, paths, keys, size, len(paths)

    @classmethod
    def read(cls, listing: Path, size: int) -> ListedImages:
        """A text file with a path a line (a further word, as ImageData has, is left out), relative to its folder."""
        lines = text_file.read_text(listing, "the list of images").split("\n")
        keys, seen = [], set()
        for number, line in enumerate(lines, 1):
            # Spaces of other kinds belong to a name, as in the tables.
            whole = line.strip(" \t\r")
            name, _, label = whole.rpartition(" ")
            key = name.strip(" \t") if name and label.lstrip("-").isdigit() else whole
            if not key:
                continue
            if key in seen:
                raise UserError(f"{listing}:{number}: {key!r} stands twice: a feature needs a key of its own")
            if not (listing.parent / key).is_file():
                raise UserError(f"{listing}:{number}: no such image {key!r} in {listing.parent}")
            seen.add(key)
            keys.append(key)
        return cls(listing, [listing.parent / key for key in keys], keys, size)

    def close(self) -> None:
        """Nothing stays open."""

    def identity(self) -> bytes:
        """Names, sizes and times of the files."""
        digest = hashlib.sha256(str(self.size).encode())
        for key, path in zip(self._keys, self.paths):
            stat = path.stat()
            digest.update(f"{key}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
        return digest.digest()

    def keys(self) -> list[str]:
        return self._keys

    def images(self, start: int = 0) -> Iterator[tuple[str, np.ndarray]]:
        for path in self.paths[start:]:
            yield str(path), photo(path, self.size)


def photo(path: Path, size: int) -> np.ndarray:
    """Pixels (3, size, size) uint8 BGR of an image file; UserError names the file and the reason where it is none."""
    # OpenCV is imported where photos are: the original's container extracts from LMDBs without it.
    images = importlib.import_module("multiweight.photos.images")
    decoding = importlib.import_module("multiweight.photos.decoding")
    return np.ascontiguousarray(decoding.resize(images.photo(path), size).transpose(2, 0, 1))
