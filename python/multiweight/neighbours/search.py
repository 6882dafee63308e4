"""The k nearest of every row: all blocks screened by a cheap product, the survivors scored exactly.

The set against itself takes each block of the similarity matrix once, for its rows and for its columns. A pair goes on
only if the upper end of its interval reaches what the row (or column) surely has k of; the answer is therefore exact,
whatever the product, the size of the blocks, and the order and the split of the work.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from multiweight.errors import UserError
from multiweight.neighbours import products
from multiweight.neighbours.blocks import Block, Space
from multiweight.neighbours.exact import ExactScores
from multiweight.neighbours.pairs import Pairs, raise_limits
from multiweight.neighbours.ranking import Ranking
from multiweight.neighbours.rows import STRIP, Rows

_CROWD = 6
_CHUNK = 64


@dataclass(frozen=True)
class Plan:
    """Sizes: ``block`` rows a product, ``panel`` rows a tile of work, ``pending`` pairs held unscored."""

    block: int
    panel: int
    pending: int


def plan(queries: Rows, candidates: Rows | None, k: int, memory: int, processes: int, block: int | None) -> Plan:
    """Sizes that keep to ``memory`` bytes beside the arrays given; UserError where that is too little."""
    d, n = queries.d, max(queries.n, 0 if candidates is None else candidates.n)
    block = block or max(STRIP, min(2048, int(math.sqrt(memory / 192)) // STRIP * STRIP))
    held = 4 + sum(0 if rows.resident else 4 for rows in {id(r): r for r in (queries, candidates or queries)}.values())
    ranking = 24 * queries.n * k
    room = int((memory * 5 // 8 - ranking) // (d * held))
    if room < min(n, 2 * STRIP):
        least = (ranking + 2 * STRIP * d * held) * 8 // 5
        raise UserError(
            f"memory of {memory >> 20} MB is too little for {n} rows of {d} values, k = {k}: "
            f"give {(least >> 20) + 1} MB"
        )
    panel = n if n <= room and candidates is None else max(1, room // 2)
    if processes > 1:
        panel = min(panel, -(-n // math.ceil(math.sqrt(8 * processes))))
    return Plan(block, max(1, panel), max(1 << 14, memory // 400))


class Search:
    """One search: ``candidates`` None is the set against itself, a row then never its own neighbour."""

    def __init__(
        self,
        queries: Rows,
        candidates: Rows | None,
        k: int,
        cosine: bool,
        sizes: Plan,
        threads: int | None = None,
        device: str | None = None,
    ):
        self.queries, self.itself = queries, candidates is None
        self.candidates = queries if candidates is None else candidates
        self.k, self.sizes = k, sizes
        self.products = products.available(queries.d, device)
        self.space = Space(cosine, [queries, self.candidates])
        self.exact = ExactScores(cosine, queries.d, queries.nonnegative and self.candidates.nonnegative)
        self.ranking = Ranking(queries.n, k)
        self.limits = np.full(queries.n, -np.inf)
        self.pairs: list[Pairs] = []
        self.held = 0
        self.deep = 1
        self._ready: dict[tuple[bool, int], Block] = {}
        self._pool = ThreadPoolExecutor(threads or default_threads())

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def tiles(self) -> list[tuple[range, range]]:
        """The parts of the work, each to be done once, in any order, by anyone."""
        mine = _cut(range(self.queries.n), self.sizes.panel)
        if not self.itself:
            return [(a, b) for a in mine for b in _cut(range(self.candidates.n), self.sizes.panel)]
        pairs = [(i, j) for i in range(len(mine)) for j in range(i, len(mine))]
        # The diagonal first: it gives every row a limit.
        return [(mine[i], mine[j]) for i, j in sorted(pairs, key=lambda pair: (pair[0] != pair[1], pair))]

    def do(self, rows: range, columns: range, progress: Callable[[float], Any] | None = None) -> None:
        """Take all pairs of a tile into the ranking."""
        raw = self.queries.read(rows.start, rows.stop)
        same = self.itself and rows == columns
        other = raw if same else self.candidates.read(columns.start, columns.stop)
        self._raw = (raw, rows.start, other, columns.start)
        self._ready.clear()
        steps = [
            (a, b)
            for a in _cut(rows, self.sizes.block)
            for b in _cut(columns, self.sizes.block)
            if not same or b.start >= a.start
        ]
        # Blocks on the diagonal first, again for the limits.
        steps.sort(key=lambda step: not (same and step[0] == step[1]))
        tightened = 0
        for a, b in steps:
            self._pair(a, b, same)
            if self.held > self.sizes.pending:
                self._tighten()
                if self.held > self.sizes.pending // 2:
                    self._score()
            if progress is not None:
                progress(len(a) * len(b) / (len(rows) * len(columns)))
            if b.stop == columns.stop and self.held > 1.5 * tightened:
                self._tighten()
                tightened = self.held
        self._score()
        self._ready.clear()

    def _pair(self, a: range, b: range, same: bool) -> None:
        triangle = same and a == b
        if self._closed(a, b.start).all() and (not self.itself or self._closed(b, a.start).all()):
            return
        crowd = _CROWD * self.k * (len(a) + len(b)) + 1000
        level = 0
        while level < len(self.products):
            product = self.products[level]
            left, right = self._block(product, True, a), self._block(product, same, b)
            found = self._screen(product, left, right, triangle, 4 * crowd)
            if found is not None and len(found) <= crowd:
                self.pairs.append(found)
                self.held += len(found)
                return
            # Too coarse here: what parted the last such block will part this one.
            level = max(level + 1, self.deep)
            self.deep = level
        # Thousands of scores are equal: most pairs are needed, and only their order by index decides.
        self._tighten()
        self._score()
        self._score_all(a, b, triangle)

    def _closed(self, part: range, start: int) -> np.ndarray:
        """Of the queries ``part``, those that nothing from the candidate ``start`` on can change: k perfect scores."""
        worst, last = self.ranking.worst[part.start : part.stop], self.ranking.indices[part.start : part.stop, -1]
        return (worst >= (1.0 if self.space.cosine else 0.0)) & (last >= 0) & (last < start)

    def _block(self, product: Any, left: bool, part: range) -> Block:
        key = (left, part.start)
        if key in self._ready and product is self.products[0]:
            return self._ready[key]
        raw, first, rows = self._side(left)
        block = self.space.block(product, rows, raw[part.start - first : part.stop - first], part.start)
        if product is self.products[0] and product.bytes < 8:
            self._ready[key] = block
        return block

    def _side(self, left: bool) -> tuple[np.ndarray, int, Rows]:
        raw, first = self._raw[:2] if left else self._raw[2:]
        return raw, first, self.queries if left else self.candidates

    def _screen(self, product: Any, a: Block, b: Block, triangle: bool, most: int) -> Pairs | None:
        """The pairs of two blocks that can matter; None where they are clearly more than ``most``."""
        values = product.multiply(a.stored, b.stored)
        bias = (a.bias, b.bias)
        lows: list[np.ndarray | None] = [None, None]
        for axis, (one, other) in enumerate(((a, b), (b, a))):
            if axis == 1 and not self.itself:
                continue
            limits = self.limits[one.start : one.stop]
            worst = tuple(part.max(initial=0.0) for part in (other.lengths, other.errors, np.abs(other.bias)))
            error = self.space.error(product, (one.lengths, one.errors, np.abs(one.bias)), worst)  # type: ignore
            if np.isneginf(limits).any() and len(other) - triangle >= self.k:
                kth = product.kth(values, bias, self.k, triangle, 1 - axis)
                largest = 1.001 * product.output * (one.lengths + one.errors) * (worst[0] + worst[1])
                np.maximum(limits, kth - error - largest, out=limits)
            target = self.space.below(limits)
            # What is left of the target without the biases bounds the rounding of the product that just reaches it.
            with np.errstate(invalid="ignore"):
                left = target - one.bias
                output = product.output * np.maximum(np.abs(left - other.bias.max()), np.abs(left - other.bias.min()))
                low = target - (error + output) * (1 + product.output)
            low = np.where(np.isneginf(target), -np.inf, low)
            low[self._closed(range(one.start, one.stop), other.start)] = np.inf
            lows[axis] = np.nextafter(low.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
        rows, columns, found = product.select(values, bias, (lows[0], lows[1]), triangle, self._pool)
        if len(rows) > most:
            return None
        return self._intervals(product, a, b, rows, columns, found.astype(np.float64))

    def _intervals(
        self, product: Any, a: Block, b: Block, rows: np.ndarray, columns: np.ndarray, found: np.ndarray
    ) -> Pairs:
        one = (a.lengths[rows], a.errors[rows], np.abs(a.bias[rows]))
        other = (b.lengths[columns], b.errors[columns], np.abs(b.bias[columns]))
        error = self.space.error(product, one, other)
        if product.output:
            error = error + product.output * (np.abs(found - a.bias[rows] - b.bias[columns]) + 2.0**-20)
        pairs = Pairs(
            (rows + a.start).astype(np.int32), (columns + b.start).astype(np.int32), found - error, found + error
        )
        return pairs.keep(self._needed(pairs))

    def _needed(self, pairs: Pairs) -> np.ndarray:
        needed = pairs.high >= self.space.below(self.limits[pairs.rows])
        if self.itself:
            needed |= pairs.high >= self.space.below(self.limits[pairs.columns])
        return needed

    def _tighten(self) -> None:
        """Raise the limits by the pairs at hand, and drop those that no longer reach them."""
        if not self.pairs:
            return
        pairs = Pairs.join(self.pairs)
        owners, low = pairs.rows, pairs.low
        if self.itself:
            owners, low = np.concatenate([owners, pairs.columns]), np.concatenate([low, low])
        raise_limits(self.limits, owners, low, self.k)
        pairs = pairs.keep(self._needed(pairs))
        self.pairs, self.held = [pairs], len(pairs)

    def _score(self) -> None:
        """Score the pairs at hand exactly, and take them into the ranking."""
        self._tighten()
        if not self.held:
            return
        pairs = self.pairs[0]
        self.pairs, self.held = [], 0
        order = np.argsort(pairs.rows, kind="stable")
        rows, columns = pairs.rows[order].astype(np.int64), pairs.columns[order].astype(np.int64)
        scores = np.empty(len(rows), dtype=np.float32)
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        ends = np.r_[starts[1:], len(rows)]
        (raw, first, _), (other, other_first, _) = self._side(True), self._side(False)

        def chunk(at: int) -> None:
            for start, end in zip(starts[at : at + _CHUNK], ends[at : at + _CHUNK]):
                query = rows[start]
                some = columns[start:end]
                scores[start:end] = self.exact.one_to_many(
                    raw[query - first],
                    self.queries.squares[query],
                    other,
                    some - other_first,
                    self.candidates.squares[some],
                )

        list(self._pool.map(chunk, range(0, len(starts), _CHUNK)))
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

    def _score_all(self, a: range, b: range, triangle: bool) -> None:
        """Every score of two blocks, for the rows and, of a set against itself, for the columns."""
        (raw, first, rows), (other, other_first, other_rows) = self._side(True), self._side(False)
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
        hope = hope[~self._closed(part, others.start)[hope]]
        best = np.argsort(-scores[hope], axis=1, kind="stable")[:, : self.k]
        values = np.take_along_axis(scores[hope], best, axis=1).reshape(-1)
        who, found = np.repeat(queries[hope], best.shape[1]), (best + others.start).reshape(-1)
        real = values > -np.inf
        self.ranking.offer(who[real], found[real], values[real])


def default_threads() -> int:
    """``OMP_NUM_THREADS``, else the cores that this process may use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cut(whole: range, size: int) -> list[range]:
    def parts() -> Iterator[range]:
        for start in range(whole.start, whole.stop, size):
            yield range(start, min(start + size, whole.stop))

    return list(parts())
