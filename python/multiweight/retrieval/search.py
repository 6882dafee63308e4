"""The k nearest of every row: all blocks screened by a cheap product, the survivors scored exactly.

The set against itself takes each block of the similarity matrix once, for its rows and for its columns. A pair goes on
only if the upper end of its interval reaches what the row (or column) surely has k of; the answer is therefore exact,
whatever the product, the size of the blocks, and the order and the split of the work.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Callable

import numpy as np

from multiweight.retrieval import products
from multiweight.retrieval.blocks import Block, Space
from multiweight.retrieval.pairs import Pairs, raise_limits
from multiweight.retrieval.plan import Plan
from multiweight.retrieval.rows import Rows
from multiweight.retrieval.scoring import Scoring

_Step = tuple[range, range]

_CROWD = 6
#: Fewer pairs than this are not worth a pass over them.
_LEAST = 1 << 16


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
        self.pairs: list[Pairs] = []
        self.held = self._tightened = 0
        self.deep = 1
        self._ready: dict[tuple[bool, int], Block] = {}
        self._preparing = Lock()
        threads = threads or default_threads()
        self._pool = ThreadPoolExecutor(threads)
        blocks = -(-min(queries.n, sizes.panel) // sizes.block)
        self._blas, at_a_time = products.share_out(self.products[0], threads, min(sizes.ahead, blocks))
        self._multiplier = ThreadPoolExecutor(at_a_time)
        self.scoring = Scoring(queries, candidates, k, self.space, self._pool)
        self.ranking, self.limits, self.learn = self.scoring.ranking, self.scoring.limits, self.scoring.learn

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._multiplier.shutdown(cancel_futures=True)
        self._pool.shutdown()
        self._blas.close()

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
        self.scoring.use(raw, rows.start, other, columns.start)
        self._ready.clear()
        for (a, b), product in self._multiplied(_by_diagonals(rows, columns, self.sizes.block, same), same):
            self._pair(a, b, same, product)
            if self.held > self.sizes.pending:
                self._tighten()
                if self.held > self.sizes.pending // 2:
                    self._score()
            elif self.held > 2 * self._tightened + _LEAST:
                self._tighten()
            if progress is not None:
                progress(len(a) * len(b) / (len(rows) * len(columns)))
        self._score()
        self._ready.clear()

    def _multiplied(self, steps: list[_Step], same: bool) -> Iterator[tuple[_Step, Future[Any] | None]]:
        """Each step with its first product, computed ahead in other threads while earlier ones are looked at."""
        waiting: deque[tuple[_Step, Future[Any] | None]] = deque()
        for a, b in steps:
            # Asked again when the step's turn comes: by then more may be closed.
            product = None if self._needless(a, b) else self._multiplier.submit(self._multiply, a, b, same)
            waiting.append(((a, b), product))
            if len(waiting) > self.sizes.ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()

    def _multiply(self, a: range, b: range, same: bool) -> tuple[Block, Block, Any]:
        product = self.products[0]
        with self._preparing:
            left, right = self._block(product, True, a), self._block(product, same, b)
        return left, right, product.multiply(left.stored, right.stored)

    def _needless(self, a: range, b: range) -> bool:
        closed = self.scoring.closed
        return bool(closed(a, b.start).all() and (not self.itself or closed(b, a.start).all()))

    def _pair(self, a: range, b: range, same: bool, ahead: Future[Any] | None) -> None:
        triangle = same and a == b
        if ahead is None:
            return
        if self._needless(a, b):
            # It reads the tile's rows, so it must not outlive the tile.
            if not ahead.cancel():
                ahead.result()
            return
        crowd = _CROWD * self.k * (len(a) + len(b)) + 1000
        level = 0
        while level < len(self.products):
            product = self.products[level]
            if level:
                left, right = self._block(product, True, a), self._block(product, same, b)
                values = product.multiply(left.stored, right.stored)
            else:
                left, right, values = ahead.result()
            found = self._screen(product, left, right, values, triangle, 4 * crowd)
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
        self.scoring.score_all(a, b, triangle)

    def _block(self, product: Any, left: bool, part: range) -> Block:
        key = (left, part.start)
        if key in self._ready and product is self.products[0]:
            return self._ready[key]
        raw, first, rows = self.scoring.side(left)
        block = self.space.block(product, rows, raw[part.start - first : part.stop - first], part.start)
        if product is self.products[0] and product.bytes < 8:
            self._ready[key] = block
        return block

    def _screen(self, product: Any, a: Block, b: Block, values: Any, triangle: bool, most: int) -> Pairs | None:
        """The pairs of two blocks that can matter; None where they are clearly more than ``most``."""
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
            low[self.scoring.closed(range(one.start, one.stop), other.start)] = np.inf
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
            (rows + a.start).astype(np.int32),
            (columns + b.start).astype(np.int32),
            np.nextafter((found - error).astype(np.float32), np.float32(-np.inf)),
            np.nextafter((found + error).astype(np.float32), np.float32(np.inf)),
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
        self._tightened = self.held

    def _score(self) -> None:
        """Score the pairs at hand exactly, and take them into the ranking."""
        self._tighten()
        if self.held:
            pairs = self.pairs[0]
            self.pairs, self.held, self._tightened = [], 0, 0
            self.scoring.score(pairs)


def default_threads() -> int:
    """``OMP_NUM_THREADS``, else the cores that this process may use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_diagonals(rows: range, columns: range, block: int, same: bool) -> list[_Step]:
    """The blocks of a tile by diagonals, the main one first, so that the limits of all rows rise alike.

    After the main one those of the first rows: where scores are equal, the first rows are every row's neighbours.
    """
    left, right = _cut(rows, block), _cut(columns, block)
    count = max(len(left), len(right))
    steps = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            if same and j < i:
                continue
            off = (j - i) % count
            order = 0 if off == 0 else 1 if i == 0 else 1 + (min(off, count - off) if same else off)
            steps.append((order, i, (a, b)))
    return [step for _, _, step in sorted(steps, key=lambda one: one[:2])]


def _cut(whole: range, size: int) -> list[range]:
    def parts() -> Iterator[range]:
        for start in range(whole.start, whole.stop, size):
            yield range(start, min(start + size, whole.stop))

    return list(parts())
