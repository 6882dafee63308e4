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
#: Values of rows in float64 at a time in one thread.
_VALUES = 1 << 19
#: Costs, in units of one row made float64: a row of a matrix product, and a pair's own sum.
_PRODUCT, _PAIR = 0.02, 2.0


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
        ``a_squares`` and ``b_squares`` are all rows' squared lengths. ``columns`` must be sorted, smallest first.

        Where few rows share most of their columns, one product of all of them is cheaper than one sum a pair.
        """
        if not len(rows):
            return np.empty(0, np.float32)
        mine, at_row = np.unique(rows, return_inverse=True)
        begins = np.r_[True, columns[1:] != columns[:-1]]
        others, at_column = columns[begins], np.cumsum(begins) - 1
        squares = a_squares[rows], b_squares[columns]
        if len(others) * (1 + _PRODUCT * len(mine)) > _PAIR * len(rows) or len(mine) * a.shape[1] > _VALUES:
            return self._one_by_one(a, rows, b, columns, squares)
        dots, wide = np.empty(len(rows)), a[mine].astype(np.float64)
        step = max(1, _VALUES // a.shape[1])
        narrow_buffer, wide_buffer = self._buffers(step, a.shape[1])
        for start in range(0, len(others), step):
            some = others[start : start + step]
            narrow, double = narrow_buffer[: len(some)], wide_buffer[: len(some)]
            np.take(b, some, axis=0, out=narrow, mode="clip")
            np.copyto(double, narrow)
            part = slice(*np.searchsorted(at_column, [start, start + len(some)]))
            dots[part] = (wide @ double.T)[at_row[part], at_column[part] - start]
        if self.cosine:
            return self._defined_where_unsure(_cosines(dots, squares[0] * squares[1]), a, rows, b, columns)
        total = squares[0] + squares[1]
        scores, unsure = _between(total - 2 * dots, 4 * self.error * total)
        # The squares of near rows cancel.
        again = np.flatnonzero(unsure)
        again = again[np.argsort(rows[again], kind="stable")]
        scores[again] = self._one_by_one(a, rows[again], b, columns[again], (squares[0][again], squares[1][again]))
        return scores

    def _one_by_one(
        self,
        a: np.ndarray,
        rows: np.ndarray,
        b: np.ndarray,
        columns: np.ndarray,
        squares: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """The same, one sum a pair."""
        order = np.argsort(rows, kind="stable")
        by_row, values = rows[order], np.empty(len(rows))
        narrow, wide = self._buffers(_AT_ONCE, a.shape[1])
        starts = np.flatnonzero(np.r_[len(rows) > 0, by_row[1:] != by_row[:-1]])
        for first, last in zip(starts, np.r_[starts[1:], len(rows)]):
            row = a[by_row[first]].astype(np.float64)
            for start in range(first, last, _AT_ONCE):
                part = order[start : min(start + _AT_ONCE, last)]
                np.take(b, columns[part], axis=0, out=narrow[: len(part)], mode="clip")
                others = wide[: len(part)]
                np.copyto(others, narrow[: len(part)])
                if self.cosine:
                    values[part] = _dots(others, row)
                else:
                    others -= row
                    values[part] = np.einsum("ij,ij->i", others, others)
        values = _cosines(values, squares[0] * squares[1]) if self.cosine else -np.sqrt(values)
        return self._defined_where_unsure(values, a, rows, b, columns)

    def _defined_where_unsure(
        self, values: np.ndarray, a: np.ndarray, rows: np.ndarray, b: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        scores, unsure = self._round(values)
        for at in np.flatnonzero(unsure):
            scores[at] = self._defined(a[rows[at]], b[columns[at]])
        return scores

    def _buffers(self, count: int, d: int) -> tuple[np.ndarray, np.ndarray]:
        """A thread's own, kept: new arrays of this size would cost as much as the arithmetic."""
        if getattr(self._local, "size", 0) < count * d:
            self._local.size = count * d
            self._local.narrow, self._local.wide = np.empty(count * d, np.float32), np.empty(count * d)
        return (
            self._local.narrow[: count * d].reshape(count, d),
            self._local.wide[: count * d].reshape(count, d),
        )

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


def _between(squares: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(float32 scores, which of them ``error`` leaves open) of squared distances."""
    with np.errstate(over="ignore"):
        low = (-np.sqrt(np.maximum(squares + error, 0))).astype(np.float32)
        high = (-np.sqrt(np.maximum(squares - error, 0))).astype(np.float32)
    return low + np.float32(0), low != high


def _dots(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    vecdot = getattr(np, "vecdot", None)
    return vecdot(rows, vector) if vecdot is not None else np.einsum("ij,j->i", rows, vector)
