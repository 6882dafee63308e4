"""Rows written one batch after the other so that a killed program goes on where it was."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from multiweight.base import whole_file

_SECONDS = 5.0


class PartialRows:
    """A raw file of float32 rows beside ``output``, and a note of how many are safely there.

    An HDF5 file that is being written can be lost whole with its program; these rows cannot. ``identity`` says what
    they are of: rows of anything else are thrown away.
    """

    def __init__(self, output: Path, identity: str):
        self.rows = output.with_name(output.name + ".part")
        self.note = output.with_name(output.name + ".part.json")
        self.identity, self.done, self.columns = identity, 0, 0
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            kept = json.loads(self.note.read_text())
            count, columns = int(kept["done"]), int(kept["columns"])
            whole = count > 0 and columns > 0 and self.rows.stat().st_size >= 4 * count * columns
            if kept["identity"] == identity and whole:
                self.done, self.columns = count, columns
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            pass
        self._file = open(self.rows, "r+b" if self.done else "wb")
        self._file.truncate(4 * self.done * self.columns)
        self._file.seek(0, os.SEEK_END)
        self._kept = time.monotonic()

    def append(self, rows: np.ndarray) -> None:
        """Add (m, columns) float32 rows."""
        self.columns = rows.shape[1]
        with whole_file.named(self.rows):
            self._file.write(np.ascontiguousarray(rows, dtype=np.float32).tobytes())
        self.done += len(rows)
        if time.monotonic() - self._kept > _SECONDS:
            self.keep()

    def keep(self) -> None:
        """Put what is written on the disk, and then the note that tells of it."""
        with whole_file.named(self.rows):
            self._file.flush()
            os.fsync(self._file.fileno())
        whole_file.write(self.note, json.dumps({"identity": self.identity, "done": self.done, "columns": self.columns}))
        self._kept = time.monotonic()

    def close(self) -> None:
        """Keep what there is, for another time."""
        if not self._file.closed:
            self.keep()
            self._file.close()

    def parts(self, size: int = 1024) -> Iterator[np.ndarray]:
        """All rows again once closed, ``size`` at a time."""
        with open(self.rows, "rb") as file:
            while data := file.read(4 * self.columns * size):
                yield np.frombuffer(data, np.float32).reshape(-1, self.columns)

    def remove(self) -> None:
        """Delete both files: the rows have a home now."""
        self._file.close()
        self.rows.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
