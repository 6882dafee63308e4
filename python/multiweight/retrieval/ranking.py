"""The k best candidates of every query so far; the same whatever the order and division of the pairs offered."""

from __future__ import annotations

import numpy as np

from multiweight.retrieval.pairs import sort_keys


class Ranking:
    """``indices`` (n, k) int64 and ``scores`` (n, k) float32: highest score first, equal scores by index; -1 and -inf
    where fewer were offered."""

    def __init__(self, n: int, k: int):
        self.indices = np.full((n, k), -1, dtype=np.int64)
        self.scores = np.full((n, k), -np.inf, dtype=np.float32)

    @property
    def worst(self) -> np.ndarray:
        """(n,) the k-th best score of each query, -inf while there are fewer."""
        return self.scores[:, -1]

    def offer(self, queries: np.ndarray, candidates: np.ndarray, scores: np.ndarray) -> None:
        """Take in pairs, none of which was offered before; all (m,)."""
        better = (scores > self.worst[queries]) | (
            (scores == self.worst[queries]) & (candidates < self.indices[queries, -1])
        )
        better |= self.indices[queries, -1] < 0
        queries, candidates, scores = queries[better], candidates[better], scores[better]
        if not len(queries):
            return
        k = self.indices.shape[1]
        touched = np.unique(queries)
        kept = self.indices[touched]
        owner = np.concatenate([np.repeat(touched, k)[kept.reshape(-1) >= 0], queries])
        other = np.concatenate([kept[kept >= 0], candidates])
        value = np.concatenate([self.scores[touched][kept >= 0], scores])
        keys = sort_keys(owner, value)
        order = np.argsort(keys)
        equal = keys[order[1:]] == keys[order[:-1]]
        tied = np.flatnonzero(np.r_[equal, False] | np.r_[False, equal])
        order[tied] = order[tied][np.lexsort((other[order[tied]], keys[order[tied]]))]
        owner, other, value = owner[order], other[order], value[order]
        starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        place = np.arange(len(owner)) - np.repeat(starts, np.diff(np.r_[starts, len(owner)]))
        best = place < k
        self.indices[owner[best], place[best]] = other[best]
        self.scores[owner[best], place[best]] = value[best]

    def merge(self, start: int, indices: np.ndarray, scores: np.ndarray) -> None:
        """Take in another ranking's rows from ``start`` on; the two have no pair in common."""
        rows, places = np.nonzero(indices >= 0)
        self.offer(rows + start, indices[rows, places], scores[rows, places])
