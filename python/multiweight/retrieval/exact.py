"""Scores of pairs that do not depend on how they were computed.

The score of a pair is defined by correctly rounded sums (``math.fsum``): the cosine is sum(ab) / sqrt(sum(aa)
sum(bb)), and minus the distance is -sqrt(sum((a - b)^2)), in float64, then rounded to float32. Any float64 arithmetic
comes within a known error of it; where the interval of that error rounds to one float32, this is the score, and
elsewhere (a few pairs in a hundred thousand) the definition itself is computed.
"""

from __future__ import annotations

import math
import threading

import numpy as np

_U = 2.0**-53
_AT_ONCE = 64


class ExactScores:
    """Scores of rows of ``d`` values; ``nonnegative`` says that no value of any row is below 0."""

    def __init__(self, cosine: bool, d: int, nonnegative: bool):
        self.cosine, self.nonnegative = cosine, nonnegative
        self.error = (d + 16) * _U
        self._local = threading.local()

    def pairs(
        self,
        a: np.ndarray,
        rows: np.ndarray,
        a_squares: np.ndarray,
        b: np.ndarray,
        columns: np.ndarray,
        b_squares: np.ndarray,
    ) -> np.ndarray:
        """float32 scores (m,) of the rows ``rows`` of ``a`` with the rows ``columns`` of ``b``, both float32;
        ``a_squares`` and ``b_squares`` (m,) are theirs. Pairs of one row should stand together."""
        values = np.empty(len(rows))
        narrow, wide = self._buffers(a.shape[1])
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        for first, last in zip(starts, np.r_[starts[1:], len(rows)]):
            one = a[rows[first]].astype(np.float64)
            for start in range(first, last, _AT_ONCE):
                some = columns[start : min(start + _AT_ONCE, last)]
                np.take(b, some, axis=0, out=narrow[: len(some)], mode="clip")
                others = wide[: len(some)]
                np.copyto(others, narrow[: len(some)])
                if self.cosine:
                    values[start : start + len(some)] = _dots(others, one)
                else:
                    others -= one
                    values[start : start + len(some)] = np.einsum("ij,ij->i", others, others)
        values = _cosines(values, a_squares * b_squares) if self.cosine else -np.sqrt(values)
        scores, unsure = self._round(values)
        for at in np.flatnonzero(unsure):
            scores[at] = self._defined(a[rows[at]], b[columns[at]])
        return scores

    def _buffers(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """A thread's own, kept: new arrays of this size would cost as much as the arithmetic."""
        if getattr(self._local, "d", None) != d:
            self._local.d = d
            self._local.buffers = np.empty((_AT_ONCE, d), np.float32), np.empty((_AT_ONCE, d))
        return self._local.buffers

    def many_to_many(self, a: np.ndarray, a_squares: np.ndarray, b: np.ndarray, b_squares: np.ndarray) -> np.ndarray:
        """float32 scores (rows of a, rows of b), for blocks where most pairs are needed."""
        wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
        if self.cosine:
            values = _cosines(wide_a @ wide_b.T, a_squares[:, None] * b_squares)
        else:
            values = np.empty((len(a), len(b)))
            for row, out in zip(wide_a, values):
                difference = wide_b - row
                out[:] = -np.sqrt(np.einsum("ij,ij->i", difference, difference))
        scores, unsure = self._round(values)
        for i, j in zip(*np.nonzero(unsure)):
            scores[i, j] = self._defined(a[i], b[j])
        return scores

    def _round(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # The sum of the products is off by its terms' sizes, at most 1 in all (of one sign: by the sum itself); the
        # lengths and the root by the result's.
        size = np.abs(values)
        error = self.error * (2 * size if self.nonnegative or not self.cosine else 1 + size)
        with np.errstate(over="ignore"):  # a distance beyond float32 is infinite there
            low, high = (values - error).astype(np.float32), (values + error).astype(np.float32)
        return low + np.float32(0), low != high

    def _defined(self, a: np.ndarray, b: np.ndarray) -> np.float32:
        x, y = a.astype(np.float64), b.astype(np.float64)
        if not self.cosine:
            return np.float32(-math.sqrt(math.fsum(np.square(x - y)))) + np.float32(0)
        lengths = math.fsum(x * x) * math.fsum(y * y)
        return np.float32(math.fsum(x * y) / math.sqrt(lengths) if lengths > 0 else 0.0) + np.float32(0)


def _cosines(dots: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return np.divide(dots, np.sqrt(lengths), out=np.zeros_like(dots), where=lengths > 0)


def _dots(rows: np.ndarray, one: np.ndarray) -> np.ndarray:
    vecdot = getattr(np, "vecdot", None)
    return vecdot(rows, one) if vecdot is not None else np.einsum("ij,j->i", rows, one)
