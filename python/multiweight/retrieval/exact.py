"""Reproducible scores of two rows: the same float32 bits with any BLAS, block size or number of threads.

The score of a pair is defined by correctly rounded sums (``math.fsum``): the cosine is sum(ab) / sqrt(sum(aa)
sum(bb)), and minus the Euclidean distance is -sqrt(sum((a - b)^2)), in float64, then rounded to float32. The fast path
computes it with matrix products in float64, whose error is bounded. Where value - error and value + error round to the
same float32, that is the score; the few other pairs fall back to the definition.
"""

from __future__ import annotations

import math
import threading
from typing import TypeVar

import numpy as np

#: Of float64: the largest relative error of one rounded operation.
_UNIT_ROUNDOFF = 2.0**-53
#: Candidates that one query is compared with at a time.
_ROWS_PER_BATCH = 64
#: Values of candidates that a thread holds in float64 at a time.
_BUFFER_VALUES = 1 << 19
#: Costs relative to the conversion of one row to float64: a row of a matrix product, and a sum for one pair.
_PRODUCT_ROW_COST, _PAIR_COST = 0.02, 2.0


class ExactScores:
    """float32 scores of rows of ``d`` values, larger is nearer: the cosine, or without ``cosine`` minus the distance.

    A row of zeros has cosine 0 with every row. ``nonnegative`` says that no value of any row is below 0, which gives a
    smaller error bound.
    """

    def __init__(self, cosine: bool, d: int, nonnegative: bool):
        self.cosine, self.nonnegative = cosine, nonnegative
        # A sum of d products in any order is off by at most d unit roundoffs of the sum of their absolute values; 16
        # more cover the square root, the division and the product of the lengths.
        self.error = (d + 16) * _UNIT_ROUNDOFF
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
        """float32 scores (m,) of m pairs: row ``rows[i]`` of ``a`` with row ``columns[i]`` of ``b``.

        ``a`` and ``b`` are (n, d) float32, ``rows`` and ``columns`` (m,) int64, ``a_squares`` and ``b_squares`` (n,)
        float64, the squared lengths of all rows. ``columns`` must be in ascending order.

        Where few rows share most of their columns, one matrix product of the distinct rows and the distinct columns is
        cheaper than a sum for each pair.
        """
        if not len(rows):
            return np.empty(0, np.float32)
        unique_rows, row_index = np.unique(rows, return_inverse=True)
        starts = np.r_[True, columns[1:] != columns[:-1]]
        unique_columns, column_index = columns[starts], np.cumsum(starts) - 1
        squares = a_squares[rows], b_squares[columns]
        if (
            len(unique_columns) * (1 + _PRODUCT_ROW_COST * len(unique_rows)) > _PAIR_COST * len(rows)
            or len(unique_rows) * a.shape[1] > _BUFFER_VALUES
        ):
            return self._row_by_row(a, rows, b, columns, squares)
        dots, rows_as_float64 = np.empty(len(rows)), a[unique_rows].astype(np.float64)
        step = max(1, _BUFFER_VALUES // a.shape[1])
        float32_buffer, float64_buffer = self._buffers(step, a.shape[1])
        for start in range(0, len(unique_columns), step):
            batch = unique_columns[start : start + step]
            block, block_as_float64 = float32_buffer[: len(batch)], float64_buffer[: len(batch)]
            # mode="clip" lets NumPy write into ``out`` without a buffer of its own; no index is out of range.
            np.take(b, batch, axis=0, out=block, mode="clip")
            np.copyto(block_as_float64, block)
            part = slice(*np.searchsorted(column_index, [start, start + len(batch)]))
            dots[part] = (rows_as_float64 @ block_as_float64.T)[row_index[part], column_index[part] - start]
        if self.cosine:
            return self._exact_where_ambiguous(_cosines(dots, squares[0] * squares[1]), a, rows, b, columns)
        total = squares[0] + squares[1]
        scores, ambiguous = _round_distances(total - 2 * dots, 4 * self.error * total)
        # |a|^2 + |b|^2 - 2ab loses its digits where rows are near (catastrophic cancellation): those by differences.
        again = np.flatnonzero(ambiguous)
        again = again[np.argsort(rows[again], kind="stable")]
        scores[again] = self._row_by_row(a, rows[again], b, columns[again], (squares[0][again], squares[1][again]))
        return scores

    def _row_by_row(
        self,
        a: np.ndarray,
        rows: np.ndarray,
        b: np.ndarray,
        columns: np.ndarray,
        squares: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """As :meth:`pairs`, by a sum for each pair, in batches of one row's; columns in any order."""
        order = np.argsort(rows, kind="stable")
        by_row, values = rows[order], np.empty(len(rows))
        float32_buffer, float64_buffer = self._buffers(_ROWS_PER_BATCH, a.shape[1])
        starts = np.flatnonzero(np.r_[len(rows) > 0, by_row[1:] != by_row[:-1]])
        for first, last in zip(starts, np.r_[starts[1:], len(rows)]):
            row = a[by_row[first]].astype(np.float64)
            for start in range(first, last, _ROWS_PER_BATCH):
                part = order[start : min(start + _ROWS_PER_BATCH, last)]
                np.take(b, columns[part], axis=0, out=float32_buffer[: len(part)], mode="clip")
                candidates = float64_buffer[: len(part)]
                np.copyto(candidates, float32_buffer[: len(part)])
                if self.cosine:
                    values[part] = _dots(candidates, row)
                else:
                    candidates -= row
                    values[part] = np.einsum("ij,ij->i", candidates, candidates)
        values = _cosines(values, squares[0] * squares[1]) if self.cosine else -np.sqrt(values)
        return self._exact_where_ambiguous(values, a, rows, b, columns)

    def _exact_where_ambiguous(
        self, values: np.ndarray, a: np.ndarray, rows: np.ndarray, b: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """The float32 scores of ``values``; the definition is computed where rounding them leaves two candidates."""
        scores, ambiguous = self._round_or_flag(values)
        for at in np.flatnonzero(ambiguous):
            scores[at] = self._exact_score(a[rows[at]], b[columns[at]])
        return scores

    def _buffers(self, count: int, d: int) -> tuple[np.ndarray, np.ndarray]:
        """(count, d) float32 and float64 buffers of this thread, valid until its next call.

        They are kept, since new arrays of this size would cost as much as the arithmetic.
        """
        if getattr(self._local, "size", 0) < count * d:
            self._local.size = count * d
            self._local.narrow, self._local.wide = np.empty(count * d, np.float32), np.empty(count * d)
        return (
            self._local.narrow[: count * d].reshape(count, d),
            self._local.wide[: count * d].reshape(count, d),
        )

    def many_to_many(self, a: np.ndarray, a_squares: np.ndarray, b: np.ndarray, b_squares: np.ndarray) -> np.ndarray:
        """float32 scores (rows of a, rows of b), for blocks where most pairs are needed."""
        a_as_float64, b_as_float64 = a.astype(np.float64), b.astype(np.float64)
        if self.cosine:
            values = _cosines(a_as_float64 @ b_as_float64.T, a_squares[:, None] * b_squares)
        else:
            values = np.empty((len(a), len(b)))
            for row, out in zip(a_as_float64, values):
                difference = b_as_float64 - row
                out[:] = -np.sqrt(np.einsum("ij,ij->i", difference, difference))
        scores, ambiguous = self._round_or_flag(values)
        for i, j in zip(*np.nonzero(ambiguous)):
            scores[i, j] = self._exact_score(a[i], b[j])
        return scores

    def _round_or_flag(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(float32 scores, whether the error bound leaves two candidates) of float64 values."""
        # |computed - exact| <= error * sum |a_i b_i| / (|a| |b|) + error * |cos|. The first factor is at most 1 (Cauchy
        # and Schwarz), and equals the cosine where no value is negative.
        size = np.abs(values)
        error = self.error * (2 * size if self.nonnegative or not self.cosine else 1 + size)
        with np.errstate(over="ignore"):  # a distance beyond float32 is infinite there
            low, high = (values - error).astype(np.float32), (values + error).astype(np.float32)
        return _without_negative_zero(low), low != high

    def _exact_score(self, a: np.ndarray, b: np.ndarray) -> np.float32:
        """The score by its definition."""
        x, y = a.astype(np.float64), b.astype(np.float64)
        if not self.cosine:
            return _without_negative_zero(np.float32(-math.sqrt(math.fsum(np.square(x - y)))))
        lengths = math.fsum(x * x) * math.fsum(y * y)
        return _without_negative_zero(np.float32(math.fsum(x * y) / math.sqrt(lengths) if lengths > 0 else 0.0))


def _cosines(dots: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """``dots`` / sqrt(``lengths``), the products of the squared lengths; 0 where a row is zeros."""
    return np.divide(dots, np.sqrt(lengths), out=np.zeros_like(dots), where=lengths > 0)


def _round_distances(squares: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ``_round_or_flag``, of squared distances with an error for each pair."""
    with np.errstate(over="ignore"):
        low = (-np.sqrt(np.maximum(squares + error, 0))).astype(np.float32)
        high = (-np.sqrt(np.maximum(squares - error, 0))).astype(np.float32)
    return _without_negative_zero(low), low != high


def _dots(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    vecdot = getattr(np, "vecdot", None)
    return vecdot(rows, vector) if vecdot is not None else np.einsum("ij,j->i", rows, vector)


_Float32 = TypeVar("_Float32", np.ndarray, np.float32)


def _without_negative_zero(values: _Float32) -> _Float32:
    """-0.0 becomes 0.0, so that equal scores have equal bits."""
    return values + np.float32(0)
