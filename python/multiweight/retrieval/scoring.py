"""Exact scores of what screening left, and what they mean for the limits."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from multiweight.retrieval.blocks import Space
from multiweight.retrieval.exact import ExactScores
from multiweight.retrieval.pairs import Pairs, raise_limits
from multiweight.retrieval.ranking import Ranking
from multiweight.retrieval.rows import STRIP, Rows

_CHUNK = 64


class Scoring:
    """Takes exact scores into ``ranking`` and raises ``limits`` (n,), what each row surely has k of.

    ``candidates`` None is the set against itself. :meth:`use` names the raw rows of a tile before any is scored.
    """

    def __init__(self, queries: Rows, candidates: Rows | None, k: int, space: Space, pool: Executor):
        self.queries, self.itself = queries, candidates is None
        self.candidates = queries if candidates is None else candidates
        self.k, self.space, self.pool = k, space, pool
        self.exact = ExactScores(space.cosine, queries.d, queries.nonnegative and self.candidates.nonnegative)
        self.ranking = Ranking(queries.n, k)
        self.limits = np.full(queries.n, -np.inf)

    def use(self, raw: np.ndarray, first: int, other: np.ndarray, other_first: int) -> None:
        """The float32 rows of a tile, and the numbers of their first ones."""
        self._raw = (raw, first, other, other_first)

    def side(self, left: bool) -> tuple[np.ndarray, int, Rows]:
        """(raw rows, number of the first, whose they are) of the queries, or of the candidates."""
        raw, first = self._raw[:2] if left else self._raw[2:]
        return raw, first, self.queries if left else self.candidates

    def closed(self, part: range, start: int) -> np.ndarray:
        """Of the queries ``part``, those that nothing from the candidate ``start`` on can change: k perfect scores."""
        worst, last = self.ranking.worst[part.start : part.stop], self.ranking.indices[part.start : part.stop, -1]
        return (worst >= (1.0 if self.space.cosine else 0.0)) & (last >= 0) & (last < start)

    def score(self, pairs: Pairs) -> None:
        """Score pairs exactly, and take them into the ranking."""
        if not len(pairs):
            return
        order = np.argsort(pairs.rows, kind="stable")
        rows, columns = pairs.rows[order].astype(np.int64), pairs.columns[order].astype(np.int64)
        scores = np.empty(len(rows), dtype=np.float32)
        # Cut where a row begins, so that no two threads convert the same one.
        cuts = np.r_[np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])[::_CHUNK], len(rows)]
        (raw, first, _), (other, other_first, _) = self.side(True), self.side(False)

        def chunk(at: int) -> None:
            part = slice(cuts[at], cuts[at + 1])
            scores[part] = self.exact.pairs(
                raw,
                rows[part] - first,
                self.queries.squares[rows[part]],
                other,
                columns[part] - other_first,
                self.candidates.squares[columns[part]],
            )

        list(self.pool.map(chunk, range(len(cuts) - 1)))
        self._offer(rows, columns, scores)

    def _offer(self, rows: np.ndarray, columns: np.ndarray, scores: np.ndarray) -> None:
        low = self.space.lowest(scores)
        directions = [(rows, columns), (columns, rows)] if self.itself else [(rows, columns)]
        raise_limits(self.limits, np.concatenate([a for a, _ in directions]), np.tile(low, len(directions)), self.k)
        for queries, found in directions:
            keep = low >= self.space.below(self.limits[queries])
            self.ranking.offer(queries[keep], found[keep], scores[keep])
        self.learn()

    def learn(self) -> None:
        """Raise the limits to what the ranking holds."""
        np.maximum(self.limits, self.space.lowest(self.ranking.worst), out=self.limits)

    def score_all(self, a: range, b: range, triangle: bool) -> None:
        """Every score of two blocks, for the rows and, of a set against itself, for the columns."""
        (raw, first, rows), (other, other_first, other_rows) = self.side(True), self.side(False)
        block = other[b.start - other_first : b.stop - other_first]
        # Equal rows are computed once: a dead net has thousands.
        as_bytes = np.ascontiguousarray(block).view(np.dtype((np.void, block.itemsize * block.shape[1]))).reshape(-1)
        _, some, place = np.unique(as_bytes, return_index=True, return_inverse=True)
        squares = other_rows.squares[b.start : b.stop][some]
        for start in range(a.start, a.stop, STRIP):
            mine = range(start, min(start + STRIP, a.stop))
            scores = self.exact.many_to_many(
                raw[start - first : mine.stop - first], rows.squares[start : mine.stop], block[some], squares
            )[:, place.reshape(-1)]
            if triangle:
                queries = np.arange(start, mine.stop)
                scores[queries - start, queries - b.start] = -np.inf
            self._offer_all(mine, b, scores)
            if self.itself and not triangle:
                self._offer_all(b, mine, scores.T)
        self.learn()

    def _offer_all(self, part: range, others: range, scores: np.ndarray) -> None:
        """Take the best of whole rows of scores into the ranking; -inf is no pair."""
        queries = np.arange(part.start, part.stop)
        full = self.ranking.indices[queries, -1] >= 0
        hope = np.flatnonzero(~full | (scores.max(axis=1) >= self.ranking.worst[queries]))
        hope = hope[~self.closed(part, others.start)[hope]]
        best = np.argsort(-scores[hope], axis=1, kind="stable")[:, : self.k]
        values = np.take_along_axis(scores[hope], best, axis=1).reshape(-1)
        who, found = np.repeat(queries[hope], best.shape[1]), (best + others.start).reshape(-1)
        real = values > -np.inf
        self.ranking.offer(who[real], found[real], values[real])
