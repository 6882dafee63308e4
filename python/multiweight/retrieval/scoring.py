"""Exact scores of the pairs that screening left, which go into the ranking and raise the limits."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from multiweight.retrieval.blocks import Space
from multiweight.retrieval.exact import ExactScores
from multiweight.retrieval.pairs import Pairs
from multiweight.retrieval.ranking import Ranking
from multiweight.retrieval.rows import STRIP, Rows

#: Rows whose pairs are scored together: near ones share most of their candidates.
_GROUP = 128


class Scoring:
    """Takes exact scores into ``ranking`` and raises ``limits`` (n,): at least k candidates of a row reach its limit.

    ``candidates`` None is the set against itself. :meth:`use` names the raw rows of a tile before any is scored.
    """

    def __init__(self, queries: Rows, candidates: Rows | None, k: int, space: Space, pool: Executor):
        self.queries, self.self_search = queries, candidates is None
        self.candidates = queries if candidates is None else candidates
        self.k, self.space, self.pool = k, space, pool
        self.exact = ExactScores(space.cosine, queries.d, queries.nonnegative and self.candidates.nonnegative)
        self.ranking = Ranking(queries.n, k)
        self.limits = np.full(queries.n, -np.inf)

    def use(self, raw: np.ndarray, other: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
        """The float32 rows of a tile, and its numbers of rows and of columns in an order with near ones together."""
        self._raw, self._other = (raw, int(rows.min())), (other, int(columns.min()))
        self.same = raw is other
        self._group = np.empty(len(rows), np.int64)
        self._group[rows - self._raw[1]] = np.arange(len(rows)) // _GROUP

    def forget(self) -> None:
        """The tile is finished: let go of its rows."""
        del self._raw, self._other

    def side(self, left: bool) -> tuple[np.ndarray, int, Rows]:
        """(raw rows, number of the first, whose they are) of the queries, or of the candidates."""
        return (*self._raw, self.queries) if left else (*self._other, self.candidates)

    def cannot_improve(self, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Which of the queries (numbers) none of the candidates can change: k perfect scores, all of lower index."""
        worst, last = self.ranking.worst[queries], self.ranking.indices[queries, -1]
        return (worst >= (1.0 if self.space.cosine else 0.0)) & (last >= 0) & (last < candidates.min())

    def needed(self, pairs: Pairs) -> np.ndarray:
        """Which pairs can reach the limit of their row, or, of a set against itself, of their column."""
        needed = pairs.high >= self.space.below(self.limits[pairs.rows])
        if self.self_search:
            needed |= pairs.high >= self.space.below(self.limits[pairs.columns])
        return needed

    def score(self, pairs: Pairs) -> None:
        """Score pairs exactly, and take them into the ranking."""
        if not len(pairs):
            return
        (raw, first, rows), (other, other_first, columns) = self.side(True), self.side(False)
        group = self._group[pairs.rows - first]
        order = np.argsort((group * columns.n + pairs.columns) * rows.n + pairs.rows)
        a, b, group = pairs.rows[order].astype(np.int64), pairs.columns[order].astype(np.int64), group[order]
        scores = np.empty(len(a), dtype=np.float32)
        cuts = np.r_[np.flatnonzero(np.r_[True, group[1:] != group[:-1]]), len(a)]

        def score_group(at: int) -> None:
            part = slice(cuts[at], cuts[at + 1])
            scores[part] = self.exact.pairs(
                raw, a[part] - first, rows.squares[first:], other, b[part] - other_first, columns.squares[other_first:]
            )

        list(self.pool.map(score_group, range(len(cuts) - 1)))
        self._offer(a, b, scores)

    def _offer(self, rows: np.ndarray, columns: np.ndarray, scores: np.ndarray) -> None:
        if self.self_search:
            rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])
            scores = np.concatenate([scores, scores])
        self.ranking.offer(rows, columns, scores)
        self.raise_limits_to_ranking()

    def raise_limits_to_ranking(self) -> None:
        """Raise the limits to what the ranking holds."""
        np.maximum(self.limits, self.space.lowest(self.ranking.worst), out=self.limits)

    def score_all(self, a: np.ndarray, b: np.ndarray) -> None:
        """Every score of two blocks (numbers), for the rows and, of a set against itself, for the columns."""
        (raw, first, rows), (other, other_first, other_rows) = self.side(True), self.side(False)
        a, b = np.sort(a), np.sort(b)
        triangle = self.self_search and np.array_equal(a, b)
        block = other[b - other_first]
        # Equal rows are computed once: a dead net has thousands.
        as_bytes = block.view(np.dtype((np.void, block.itemsize * block.shape[1]))).reshape(-1)
        _, some, place = np.unique(as_bytes, return_index=True, return_inverse=True)
        squares = other_rows.squares[b][some]
        for start in range(0, len(a), STRIP):
            mine = a[start : start + STRIP]
            scores = self.exact.many_to_many(raw[mine - first], rows.squares[mine], block[some], squares)
            scores = scores[:, place.reshape(-1)]
            if triangle:
                scores[mine[:, None] == b] = -np.inf
            self._offer_all(mine, b, scores)
            if self.self_search and not triangle:
                self._offer_all(b, mine, scores.T)
        self.raise_limits_to_ranking()

    def _offer_all(self, queries: np.ndarray, others: np.ndarray, scores: np.ndarray) -> None:
        """Take the best of whole rows of scores into the ranking; ``others`` rise; -inf is no pair."""
        full = self.ranking.indices[queries, -1] >= 0
        hope = np.flatnonzero(~full | (scores.max(axis=1) >= self.ranking.worst[queries]))
        hope = hope[~self.cannot_improve(queries, others)[hope]]
        best = np.argsort(-scores[hope], axis=1, kind="stable")[:, : self.k]
        values = np.take_along_axis(scores[hope], best, axis=1).reshape(-1)
        who, neighbours = np.repeat(queries[hope], best.shape[1]), others[best].reshape(-1)
        real = values > -np.inf
        self.ranking.offer(who[real], neighbours[real], values[real])
