"""A pair of LMDBs that Caffe's Data layers read side by side: images, and label vectors under the same keys.

`Datum.label` is one integer, so a label vector is a Datum of its own: channels = number of labels, height = width =
1, uint8 0 or 1 in `data`, or -1, 0 or 1 in `float_data` (bytes would read 255 for -1). The Data layer never shuffles,
and reads in the order of the keys' bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.lmdb_file import LmdbFile
from multiweight.photos.datum import decode, parsed

KEY = "{:08d}"
MAX_IMAGES = 10**8


class LmdbPair:
    """Reads an image LMDB and its label LMDB, without locks and without write permission.

    ``caffe`` is the engine or its caffe_pb2. Iterating gives ``(key, image, labels)`` in order of the keys, as the Data
    layer does: str, uint8 (3, height, width) BGR, labels as :func:`vector` gives them. Raises UserError naming the key
    where the two differ in a key or where a value is no Datum.
    """

    def __init__(self, caffe: ModuleType, images: str | Path, labels: str | Path):
        self.paths = (Path(images), Path(labels))
        self._datum = engine.schema(caffe).Datum
        self._files: list[LmdbFile] = []
        try:
            for path in self.paths:
                self._files.append(LmdbFile(path))
        except UserError:
            self.close()
            raise
        self.lengths = (len(self), len(self._files[1]))

    def __len__(self) -> int:
        return len(self._files[0])

    def close(self) -> None:
        """Close both LMDBs."""
        for file in self._files:
            file.close()
        self._files = []

    def __enter__(self) -> LmdbPair:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        for key, image, labels in self.datums():
            yield key, decode(image, self.at(0, key)), vector(labels, self.at(1, key))

    def get(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """The image and the labels under one key, as iterating gives them; UserError where an LMDB lacks the key."""
        values = []
        for which, file in enumerate(self._files):
            value = file.get(key.encode("utf-8", "replace"))
            if value is None:
                raise UserError(f"{self.at(which, key)}: not there: pack the data again")
            values.append(self._parse(which, key, value))
        return decode(values[0], self.at(0, key)), vector(values[1], self.at(1, key))

    def at(self, which: int, key: str) -> str:
        """Where a value stands, for messages: 0 the image, 1 the label vector."""
        return f"{self.paths[which]}: key {key}"

    def datums(self) -> Iterator[tuple[str, Any, Any]]:
        """``(key, image datum, label datum)`` in order of the keys, as they are stored."""
        end = (b"", b"")
        for image, labels in zip_longest(self._files[0].items(), self._files[1].items(), fillvalue=end):
            key, other = (item[0].decode("ascii", "replace") for item in (image, labels))
            if key != other:
                raise UserError(
                    f"{self.paths[1]} does not match {self.paths[0]}: "
                    f"key {other or '(end)'} stands where key {key or '(end)'} belongs: pack the data again"
                )
            yield key, self._parse(0, key, image[1]), self._parse(1, key, labels[1])

    def keys(self) -> list[str]:
        """The keys of the image LMDB, in order."""
        return [key.decode("ascii", "replace") for key in self._files[0].keys()]

    def label_matrix(self) -> tuple[list[str], np.ndarray]:
        """All keys of the label LMDB and its matrix (n, L) of uint8 or int8 (-1: unknown), without reading an image."""
        keys, rows = [], []
        for raw, value in self._files[1].items():
            keys.append(raw.decode("ascii", "replace"))
            rows.append(vector(self._parse(1, keys[-1], value), self.at(1, keys[-1])))
            if len(rows[-1]) != len(rows[0]):
                lengths = f"{len(rows[-1])} labels, {len(rows[0])} under key {keys[0]}"
                raise UserError(f"{self.at(1, keys[-1])}: {lengths}: pack the data again")
        return keys, np.stack(rows) if rows else np.zeros((0, 0), np.uint8)

    def _parse(self, which: int, key: str, value: Any) -> Any:
        return parsed(self._datum, value, self.at(which, key))


def label_datum(datum: Any, labels: np.ndarray) -> Any:
    """The Datum of a label vector: uint8 in ``data``, int8 in ``float_data``."""
    value = datum(channels=len(labels), height=1, width=1)
    if labels.dtype == np.uint8:
        value.data = labels.tobytes()
    else:
        value.float_data.extend(labels.tolist())
    return value


def vector(datum: Any, at: str = "datum") -> np.ndarray:
    """The label vector of a label datum, (L,): uint8 of 0 and 1, or int8 of -1, 0 and 1; UserError where it is none."""
    floats = not datum.data and len(datum.float_data) > 0
    labels = np.array(datum.float_data, np.float32) if floats else np.frombuffer(datum.data, np.uint8)
    if datum.encoded or (datum.height, datum.width) != (1, 1) or len(labels) != datum.channels:
        shape = f"{datum.channels}x{datum.height}x{datum.width}"
        raise UserError(
            f"{at}: shape {shape} with {len(labels)} values: expected a label vector, Lx1x1: pack the data again"
        )
    allowed = (-1, 0, 1) if floats else (0, 1)
    wrong = labels[~np.isin(labels, allowed)]
    if len(wrong):
        expected = "-1, 0 or 1" if floats else "0 or 1 (scaled by 255?)"
        raise UserError(f"{at}: label value {wrong[0]:g}: expected {expected}: pack the data again")
    return labels.astype(np.int8) if floats else labels
