"""Exact search for the k nearest neighbours: blocks of pairs are pruned by cheap bounds, the rest scored exactly.

The first page of this folder (``__init__.py``) explains the method. A search of a set for itself takes each block of
the similarity matrix once, for its rows and for its columns. A pair is kept if its upper bound reaches the limit of its
row (or column): a similarity that at least k candidates are known to reach. So the answer is exact, whatever the
screen, the block sizes, and the order and division of the work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, NamedTuple

import numpy as np

from multiweight.base import cpu
from multiweight.retrieval import matmul
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.matmul import Matmul
from multiweight.retrieval.matmul_screen import MatmulScreen
from multiweight.retrieval.pairs import Pairs, raise_limits
from multiweight.retrieval.plan import Plan
from multiweight.retrieval.principal import Directions
from multiweight.retrieval.projected import project
from multiweight.retrieval.projected_screen import ProjectedScreen
from multiweight.retrieval.rows import Rows
from multiweight.retrieval.scoring import Scoring


class _Block(NamedTuple):
    """A block of the similarity matrix: the numbers of its rows and columns, and whether these are the same rows."""

    rows: np.ndarray
    columns: np.ndarray
    on_diagonal: bool


#: Fewer new pairs than this are not worth a pass over all pending ones.
_LEAST = 1 << 16


class Search:
    """One search for the ``k`` nearest ``candidates`` of each query, in the common similarity of ``space``.

    Without ``candidates`` the queries are searched for one another, and a row is never its own neighbour. ``plan`` has
    the block sizes. ``matmuls`` are the implementations of the matrix product to screen with, cheapest first
    (:func:`matmul.available`); ``directions`` are principal directions to screen with before those. ``threads``: by
    default :func:`multiweight.base.cpu.threads`.
    """

    def __init__(
        self,
        queries: Rows,
        candidates: Rows | None,
        k: int,
        space: Space,
        plan: Plan,
        matmuls: list[Matmul],
        directions: Directions | None = None,
        threads: int | None = None,
    ):
        self.queries, self.self_search = queries, candidates is None
        self.candidates = queries if candidates is None else candidates
        self.k, self.plan, self.space = k, plan, space
        threads = threads or cpu.threads()
        blocks = -(-min(queries.n, plan.panel) // plan.block)
        self._blas_limit, self._parallel_blocks = matmul.limit_blas_threads(
            matmuls[0], threads, min(plan.ahead, blocks)
        )
        self._scoring_pool = ThreadPoolExecutor(threads)
        self._screening_pool = ThreadPoolExecutor(self._parallel_blocks)
        self.scoring = Scoring(queries, candidates, k, space, self._scoring_pool)
        self.ranking, self.limits = self.scoring.ranking, self.scoring.limits
        self.matmul_screen = MatmulScreen(self.scoring, matmuls, plan.keep)
        self.bound_screen: ProjectedScreen | None = None
        if directions is not None:
            self.bound_screen = ProjectedScreen(
                self.scoring, *project(space, queries, candidates, directions, self._scoring_pool)
            )
            self.bound_screen.raise_limits()
        self._pending: list[Pairs] = []
        self._pending_count = self._count_after_pruning = 0
        self._query_tile: tuple[range, np.ndarray] | None = None

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._screening_pool.shutdown(cancel_futures=True)
        self._scoring_pool.shutdown()
        self._blas_limit.close()

    def tiles(self) -> list[tuple[range, range]]:
        """(range of queries, range of candidates) of each tile; tiles may be searched in any order, by any process."""
        mine = _split_range(range(self.queries.n), self.plan.panel)
        if not self.self_search:
            return [(a, b) for a in mine for b in _split_range(range(self.candidates.n), self.plan.panel)]
        pairs = [(i, j) for i in range(len(mine)) for j in range(i, len(mine))]
        # The tiles on the diagonal first, which is faster: they give every row a limit.
        return [(mine[i], mine[j]) for i, j in sorted(pairs, key=lambda pair: (pair[0] != pair[1], pair))]

    def search_tile(self, rows: range, columns: range, progress: Callable[[float], object] | None = None) -> None:
        """Search all pairs of a tile; ``progress`` is called with fractions of the tile, which add up to 1."""
        same = self.self_search and rows == columns
        raw = self._rows(rows)
        other = raw if same else self.candidates.read(columns.start, columns.stop)
        a, b = self._order(rows, True), self._order(columns, same)
        self.scoring.use(raw, other, a, b)
        steps = _by_diagonals(a, b, self.plan.block, same)
        # Of a tile on the diagonal, the blocks below it are left out.
        size = sum(len(block.rows) * len(block.columns) for block in steps)
        for part in _doubling(steps) if self.bound_screen is not None and same else [steps]:
            for left, right, pairs in self._screen_ahead(part):
                if pairs is None:
                    # Thousands of scores are equal: most pairs are needed, and only their order by index decides.
                    self._score_pending()
                    self.scoring.score_all(left, right)
                else:
                    self._add_pending(pairs)
                if progress is not None:
                    progress(len(left) * len(right) / size)
            self._score_pending()
        self.matmul_screen.forget()
        self.scoring.forget()

    def _rows(self, rows: range) -> np.ndarray:
        """The rows of the queries as they are stored, kept while the next tile has the same."""
        if self._query_tile is None or self._query_tile[0] != rows:
            self._query_tile = None
            self._query_tile = rows, self.queries.read(rows.start, rows.stop)
        return self._query_tile[1]

    def _order(self, part: range, left: bool) -> np.ndarray:
        if self.bound_screen is None:
            return np.arange(part.start, part.stop)
        return self.bound_screen.order(part, left)

    def _screen_ahead(self, steps: list[_Block]) -> Iterator[tuple[np.ndarray, np.ndarray, Pairs | None]]:
        """Each block with the pairs that screening left, or None where it left too many; other threads work ahead."""
        waiting: deque[tuple[np.ndarray, np.ndarray, Future[Pairs | None]]] = deque()
        for a, b, triangle in steps:
            waiting.append((a, b, self._screening_pool.submit(self._screen_block, a, b, triangle)))
            if len(waiting) > 2 * self._parallel_blocks:
                left, right, future = waiting.popleft()
                yield left, right, future.result()
        while waiting:
            left, right, future = waiting.popleft()
            yield left, right, future.result()

    def _screen_block(self, a: np.ndarray, b: np.ndarray, triangle: bool) -> Pairs | None:
        cannot_improve = self.scoring.cannot_improve
        if cannot_improve(a, b).all() and (not self.self_search or cannot_improve(b, a).all()):
            return Pairs.none()
        bounded = None if self.bound_screen is None else self.bound_screen.pairs(a, b, triangle)
        return self.matmul_screen.pairs(a, b, triangle) if bounded is None else bounded

    def _add_pending(self, pairs: Pairs) -> None:
        self._pending.append(pairs)
        self._pending_count += len(pairs)
        if self._pending_count > self.plan.pending:
            self._prune_pending()
            if self._pending_count > self.plan.pending // 2:
                self._score_pending()
        elif self.bound_screen is None and self._pending_count > 2 * self._count_after_pruning + _LEAST:
            self._prune_pending()

    def _prune_pending(self) -> None:
        """Raise the limits by the pending pairs' lower bounds, and drop the pairs that no longer reach them."""
        if not self._pending:
            return
        pairs = Pairs.join(self._pending)
        owners, low = pairs.rows, pairs.low
        if self.self_search:
            owners, low = np.concatenate([owners, pairs.columns]), np.concatenate([low, low])
        raise_limits(self.limits, owners, low, self.k)
        pairs = pairs.keep(self.scoring.needed(pairs))
        self._pending, self._pending_count = [pairs], len(pairs)
        self._count_after_pruning = len(pairs)

    def _score_pending(self) -> None:
        """Score the pending pairs exactly, and take them into the ranking."""
        if not self._pending:
            return
        if self.bound_screen is None:
            self._prune_pending()
        pairs = Pairs.join(self._pending)
        self._pending, self._pending_count, self._count_after_pruning = [], 0, 0
        self.scoring.score(pairs.keep(self.scoring.needed(pairs)))


def _by_diagonals(rows: np.ndarray, columns: np.ndarray, block: int, same: bool) -> list[_Block]:
    """The blocks of a tile in the order in which they are searched: diagonal by diagonal, the main one first.

    So every row meets some candidates early, and the limits of all rows rise at about the same time. The blocks of the
    first rows come right after the main diagonal: of equal scores the lower index wins, so that where many scores are
    equal the first rows are every row's neighbours.
    """
    left = [rows[part.start : part.stop] for part in _split_range(range(len(rows)), block)]
    right = [columns[part.start : part.stop] for part in _split_range(range(len(columns)), block)]
    count = max(len(left), len(right))
    steps = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            if same and j < i:
                continue
            off = (j - i) % count
            order = 0 if off == 0 else 1 if i == 0 else 1 + (min(off, count - off) if same else off)
            steps.append((order, i, _Block(a, b, same and i == j)))
    return [step for _, _, step in sorted(steps, key=lambda entry: entry[:2])]


def _doubling(blocks: list[_Block]) -> Iterator[list[_Block]]:
    """The blocks of a tile in parts: the main diagonal, then each part as long as all before it.

    Rows are ordered so that near ones are next to one another: the first parts hold most neighbours, and their exact
    scores raise the limits for the rest.
    """
    start, stop = 0, sum(block.on_diagonal for block in blocks)
    while start < len(blocks):
        yield blocks[start:stop]
        start, stop = stop, 2 * stop


def _split_range(numbers: range, size: int) -> list[range]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]
