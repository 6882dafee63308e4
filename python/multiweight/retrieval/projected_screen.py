"""Screening by upper bounds in few principal directions, before any product of whole rows (``projected.py``)."""

from __future__ import annotations

import threading

import numpy as np

from multiweight.retrieval.clusters import places
from multiweight.retrieval.pairs import Pairs
from multiweight.retrieval.projected import Projected
from multiweight.retrieval.scoring import Scoring

#: Values a product: what is made at once fits a core's cache.
_ROWS, _COLUMNS = 256, 1024
_WINDOW = 2048
#: Where more than this share of a block's pairs survive, a product of whole rows costs less than their exact scores. On
#: the diagonal, beside the k neighbours of each row, a smaller share: there a product raises the limits besides.
MOST_SHARE, DIAGONAL_SHARE = 1 / 40, 1 / 80


class ProjectedScreen:
    """Keeps the pairs whose upper bound reaches the limit of one of the two rows.

    ``queries`` and ``candidates`` are one object for a set against itself; ``shift`` is what both biases are less.
    ``places`` are those of :func:`clusters.places`, of queries and candidates.
    """

    def __init__(self, scoring: Scoring, queries: Projected, candidates: Projected, shift: float):
        self.scoring, self.queries, self.candidates, self.shift = scoring, queries, candidates, shift
        sets = [queries.points] if scoring.self_search else [queries.points, candidates.points]
        self.places = places(sets)
        self._local = threading.local()

    def order(self, part: range, left: bool) -> np.ndarray:
        """The numbers of the rows ``part``, near ones together."""
        return part.start + np.argsort(self.places[0 if left else -1][part.start : part.stop], kind="stable")

    def raise_limits(self) -> None:
        """Give each query the k-th highest lower bound among the candidates of its cluster and of those around."""
        scoring = self.scoring
        queries, candidates = (self.order(range(rows.n), left) for left, rows in
                               ((True, scoring.queries), (False, scoring.candidates)))  # fmt: skip
        sorted_places = self.places[-1][candidates]
        width = min(len(candidates), max(_WINDOW, 4 * scoring.k))

        def raise_some(start: int) -> None:
            numbers = queries[start : start + _ROWS]
            middle = int(np.searchsorted(sorted_places, self.places[0][numbers[len(numbers) // 2]]))
            # Of a set against itself, the window is the one around the rows themselves.
            middle = start + len(numbers) // 2 if scoring.self_search else middle
            first = min(max(0, middle - width // 2), len(candidates) - width)
            others = candidates[first : first + width]
            low = self.queries.side(numbers, -1, True) @ self.candidates.side(others, -1, False).T
            if scoring.self_search:
                low[numbers[:, None] == others] = -np.inf
            kth = np.partition(low, width - scoring.k, axis=1)[:, width - scoring.k].astype(np.float64)
            raised = np.nextafter(kth + 2 * self.shift, -np.inf)
            scoring.limits[numbers] = np.maximum(scoring.limits[numbers], raised)

        list(scoring.pool.map(raise_some, range(0, len(queries), _ROWS)))

    def pairs(self, a: np.ndarray, b: np.ndarray, triangle: bool) -> Pairs | None:
        """The pairs of the rows ``a`` and ``b`` (numbers) that can matter; None where whole products are cheaper."""
        scoring, selected = self.scoring, []
        most = len(a) * (DIAGONAL_SHARE * len(b) + scoring.k) if triangle else MOST_SHARE * len(a) * len(b)
        count = 0
        rows_low = self._lows(a, b)
        columns_low = self._lows(b, a) if scoring.self_search else None
        left, right = self.queries.side(a, 1, True), self.candidates.side(b, 1, False)
        for row in range(0, len(a), _ROWS):
            block_rows = slice(row, min(row + _ROWS, len(a)))
            for column in range(0, len(b), _COLUMNS):
                block_columns = slice(column, min(column + _COLUMNS, len(b)))
                if triangle and block_columns.stop <= block_rows.start:
                    continue
                values = self._multiply(left[block_rows], right[block_columns])
                at = self._select(
                    values, rows_low[block_rows], None if columns_low is None else columns_low[block_columns]
                )
                if triangle:
                    at = at[at // values.shape[1] + row < at % values.shape[1] + column]
                count += len(at)
                if count > most:
                    return None
                rows, columns = np.divmod(at, values.shape[1])
                selected.append((rows + row, columns + column, values.reshape(-1)[at]))
        rows, columns, high = (np.concatenate(parts) for parts in zip(*selected)) if selected else np.empty((3, 0), int)
        return self._intervals(a[rows], b[columns], high)

    def _lows(self, numbers: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(len(numbers),) float32, what a bound has to reach to matter to each row."""
        low = self.scoring.space.below(self.scoring.limits[numbers]) - 2 * self.shift
        low[self.scoring.cannot_improve(numbers, others)] = np.inf
        return np.nextafter(low.astype(np.float32), np.float32(-np.inf))

    def _intervals(self, rows: np.ndarray, columns: np.ndarray, products: np.ndarray) -> Pairs:
        high = products.astype(np.float64) + 2 * self.shift
        rest = self.queries.points[rows, -1].astype(np.float64) * self.candidates.points[columns, -1]
        low = high - 2.001 * (rest + self.queries.slack[rows] + self.candidates.slack[columns])
        return Pairs.between(rows, columns, low, high)

    def _multiply(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The upper bounds of some rows and columns, in this thread's buffer."""
        if not hasattr(self._local, "values"):
            self._local.values = np.empty(_ROWS * _COLUMNS, np.float32)
            self._local.keep, self._local.also = np.empty((2, _ROWS * _COLUMNS), bool)
        shape = len(left), len(right)
        return np.matmul(left, right.T, out=self._local.values[: shape[0] * shape[1]].reshape(shape))

    def _select(self, values: np.ndarray, rows_low: np.ndarray, columns_low: np.ndarray | None) -> np.ndarray:
        """Where, counted along the rows, values reach what their row or their column needs."""
        keep = np.greater_equal(values, rows_low[:, None], out=self._local.keep[: values.size].reshape(values.shape))
        if columns_low is not None:
            also = self._local.also[: values.size].reshape(values.shape)
            keep |= np.greater_equal(values, columns_low, out=also)
        return np.flatnonzero(keep)
