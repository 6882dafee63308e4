"""Feature rows, in memory or in HDF5, read by parts, with what one pass over them tells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from multiweight.base.errors import UserError

STRIP = 256
_RUN = 16


class Rows:
    """(n, d) features: an array, or an open HDF5 dataset of floats of any width.

    ``names`` are the rows' ids, for messages; ``weights`` tells the blob and a hash of the net's weights, where they
    are known; ``source`` is where the values come from, for messages. ``resident`` tells whether they lie in memory
    already. One pass fills ``squares`` (n,) float64, the rows' squared lengths, and ``nonnegative``. UserError names
    the rows that hold NaN or infinity, values that are no numbers, and a part of a file that cannot be read.
    """

    def __init__(
        self, values: Any, names: Sequence[str] | None = None, weights: str | None = None, source: str = "features"
    ):
        self.resident = isinstance(values, np.ndarray) or not hasattr(values, "shape")
        if self.resident:
            values = _array(values, source)
        kind = getattr(values.dtype, "kind", "f")
        if kind not in "fiub":
            raise UserError(f"{source}: values of the kind {values.dtype}: expected numbers")
        if self.resident:
            values = np.ascontiguousarray(values, dtype=np.float32)
        if len(values.shape) != 2 or values.shape[1] == 0:
            raise UserError(f"{source}: shape {tuple(values.shape)}: expected (images, values)")
        self._values, self.names, self.weights, self._source = values, names, weights, source
        self.n, self.d = (int(size) for size in values.shape)
        self.squares = np.zeros(self.n)
        self.nonnegative = True
        bad: list[int] = []
        wide = np.empty((STRIP, self.d))
        for start, part in self.parts():
            self.nonnegative = self.nonnegative and float(part.min()) >= 0
            rows = wide[: len(part)]
            np.copyto(rows, part)
            self.squares[start : start + len(part)] = np.einsum("ij,ij->i", rows, rows)
            # Squares of float32 never overflow float64: only NaN and infinity give such a sum.
            bad += (start + np.flatnonzero(~np.isfinite(self.squares[start : start + len(part)]))).tolist()
        if bad:
            raise UserError(f"{source}: NaN or infinity in the features of {self.named(bad)}")

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start`` to ``stop`` as float32; a view where they are in memory."""
        try:
            part = self._values[start:stop]
        except OSError as error:
            raise UserError(
                f"{self._source}: rows {start} to {stop - 1} cannot be read ({error}): the file is damaged: "
                "extract the features again"
            ) from None
        return part if self.resident else np.ascontiguousarray(part, dtype=np.float32)

    def parts(self, step: int = STRIP) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, float32 rows) one strip after the other."""
        for start in range(0, self.n, step):
            yield start, self.read(start, min(start + step, self.n))

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """The rows ``numbers``, rising, as float32; a file is read once for each run of neighbours."""
        if self.resident:
            return self._values[numbers]
        cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
        runs = [self.read(int(run[0]), int(run[-1]) + 1) for run in np.split(numbers, cuts) if len(run)]
        return np.concatenate(runs) if runs else np.empty((0, self.d), np.float32)

    def fingerprint(self) -> str:
        """A hash of all values, by one more pass over them."""
        digest = hashlib.blake2b(np.array([self.n, self.d]).tobytes(), digest_size=32)
        for _, part in self.parts():
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def named(self, rows: Sequence[int]) -> str:
        """``3 row(s): a, b, c`` with at most five ids."""
        shown = [str(self.names[row]) if self.names is not None else f"row {row}" for row in rows[:5]]
        return f"{len(rows)} image(s): {', '.join(shown)}" + (", ..." if len(rows) > 5 else "")


def _array(values: Any, source: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise UserError(f"{source}: no array ({error}): expected (images, values)") from None


def sample(n: int, count: int) -> np.ndarray:
    """Numbers of about ``count`` of ``n`` rows, in short runs evenly over the set: a file is read in few places."""
    if count >= n:
        return np.arange(n)
    starts = np.linspace(0, n - _RUN, max(1, count // _RUN)).astype(np.int64)
    return np.unique(starts[:, None] + np.arange(_RUN))
