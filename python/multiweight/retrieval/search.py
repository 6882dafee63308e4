"""The k nearest of every row: all blocks of pairs screened by cheap bounds, the survivors scored exactly.

The set against itself takes each block of the similarity matrix once, for its rows and for its columns. A pair goes on
only if the upper end of its interval reaches what the row (or column) surely has k of; the answer is therefore exact,
whatever the screen, the size of the blocks, and the order and the split of the work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable

import numpy as np

from multiweight.base import cpu
from multiweight.retrieval import products
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.pairs import Pairs, raise_limits
from multiweight.retrieval.plan import Plan
from multiweight.retrieval.principal import Directions
from multiweight.retrieval.product_screen import ProductScreen
from multiweight.retrieval.projected import project
from multiweight.retrieval.projected_screen import ProjectedScreen
from multiweight.retrieval.rows import Rows
from multiweight.retrieval.scoring import Scoring

#: Two parts of a block of the matrix: numbers of rows, numbers of columns, whether they are the same rows.
_Step = tuple[np.ndarray, np.ndarray, bool]

#: Fewer new pairs than this are not worth a pass over all unscored ones.
_LEAST = 1 << 16


class Search:
    """One search: ``candidates`` None is the set against itself, a row then never its own neighbour.

    ``whole`` are the products of whole rows, as :func:`products.available` lists them; ``directions`` None screens by
    those alone.
    """

    def __init__(
        self,
        queries: Rows,
        candidates: Rows | None,
        k: int,
        space: Space,
        sizes: Plan,
        whole: list[Any],
        directions: Directions | None = None,
        threads: int | None = None,
    ):
        self.queries, self.itself = queries, candidates is None
        self.candidates = queries if candidates is None else candidates
        self.k, self.sizes, self.space = k, sizes, space
        threads = threads or cpu.threads()
        blocks = -(-min(queries.n, sizes.panel) // sizes.block)
        self._blas, self._at_a_time = products.share_out(whole[0], threads, min(sizes.ahead, blocks))
        self._pool, self._workers = ThreadPoolExecutor(threads), ThreadPoolExecutor(self._at_a_time)
        self.scoring = Scoring(queries, candidates, k, space, self._pool)
        self.ranking, self.limits, self.learn = self.scoring.ranking, self.scoring.limits, self.scoring.learn
        self.by_products = ProductScreen(self.scoring, whole, sizes.keep)
        self.by_bounds: ProjectedScreen | None = None
        if directions is not None:
            self.by_bounds = ProjectedScreen(self.scoring, *project(space, queries, candidates, directions, self._pool))
            self.by_bounds.raise_limits()
        self._unscored: list[Pairs] = []
        self._unscored_count = self._after_tightening = 0
        self._left: tuple[range, np.ndarray] | None = None

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(cancel_futures=True)
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

    def do(self, rows: range, columns: range, progress: Callable[[float], object] | None = None) -> None:
        """Take all pairs of a tile into the ranking; ``progress`` gets fractions of the tile, 1 in all."""
        same = self.itself and rows == columns
        raw = self._rows(rows)
        other = raw if same else self.candidates.read(columns.start, columns.stop)
        a, b = self._order(rows, True), self._order(columns, same)
        self.scoring.use(raw, other, a, b)
        steps = _by_diagonals(a, b, self.sizes.block, same)
        # Of a tile of the diagonal, the blocks below it are left out.
        size = sum(len(left) * len(right) for left, right, _ in steps)
        for part in _doubling(steps) if self.by_bounds is not None and same else [steps]:
            for left, right, pairs in self._screened(part):
                if pairs is None:
                    # Thousands of scores are equal: most pairs are needed, and only their order by index decides.
                    self._score()
                    self.scoring.score_all(left, right)
                else:
                    self._add(pairs)
                if progress is not None:
                    progress(len(left) * len(right) / size)
            self._score()
        self.by_products.forget()
        self.scoring.forget()

    def _rows(self, rows: range) -> np.ndarray:
        """The raw rows of the queries, kept while the next tile has the same."""
        if self._left is None or self._left[0] != rows:
            self._left = None
            self._left = rows, self.queries.read(rows.start, rows.stop)
        return self._left[1]

    def _order(self, part: range, left: bool) -> np.ndarray:
        if self.by_bounds is None:
            return np.arange(part.start, part.stop)
        return self.by_bounds.order(part, left)

    def _screened(self, steps: list[_Step]) -> Iterator[tuple[np.ndarray, np.ndarray, Pairs | None]]:
        """Each block with the pairs that screening left of it, some blocks ahead in other threads."""
        waiting: deque[tuple[np.ndarray, np.ndarray, Future[Pairs | None]]] = deque()
        for a, b, triangle in steps:
            waiting.append((a, b, self._workers.submit(self._screen, a, b, triangle)))
            if len(waiting) > 2 * self._at_a_time:
                left, right, future = waiting.popleft()
                yield left, right, future.result()
        while waiting:
            left, right, future = waiting.popleft()
            yield left, right, future.result()

    def _screen(self, a: np.ndarray, b: np.ndarray, triangle: bool) -> Pairs | None:
        settled = self.scoring.settled
        if settled(a, b).all() and (not self.itself or settled(b, a).all()):
            return Pairs.none()
        bounded = None if self.by_bounds is None else self.by_bounds.pairs(a, b, triangle)
        return self.by_products.pairs(a, b, triangle) if bounded is None else bounded

    def _add(self, pairs: Pairs) -> None:
        self._unscored.append(pairs)
        self._unscored_count += len(pairs)
        if self._unscored_count > self.sizes.pending:
            self._tighten()
            if self._unscored_count > self.sizes.pending // 2:
                self._score()
        elif self.by_bounds is None and self._unscored_count > 2 * self._after_tightening + _LEAST:
            self._tighten()

    def _tighten(self) -> None:
        """Raise the limits by the unscored pairs, and drop those that no longer reach them."""
        if not self._unscored:
            return
        pairs = Pairs.join(self._unscored)
        owners, low = pairs.rows, pairs.low
        if self.itself:
            owners, low = np.concatenate([owners, pairs.columns]), np.concatenate([low, low])
        raise_limits(self.limits, owners, low, self.k)
        pairs = pairs.keep(self.scoring.needed(pairs))
        self._unscored, self._unscored_count = [pairs], len(pairs)
        self._after_tightening = len(pairs)

    def _score(self) -> None:
        """Score the unscored pairs exactly, and take them into the ranking."""
        if not self._unscored:
            return
        if self.by_bounds is None:
            self._tighten()
        pairs = Pairs.join(self._unscored)
        self._unscored, self._unscored_count, self._after_tightening = [], 0, 0
        self.scoring.score(pairs.keep(self.scoring.needed(pairs)))


def _by_diagonals(rows: np.ndarray, columns: np.ndarray, block: int, same: bool) -> list[_Step]:
    """The blocks of a tile by diagonals, the main one first, so that the limits of all rows rise alike.

    After the main one those of the first rows: where scores are equal, the first rows are every row's neighbours.
    """
    left = [rows[part.start : part.stop] for part in _cut(range(len(rows)), block)]
    right = [columns[part.start : part.stop] for part in _cut(range(len(columns)), block)]
    count = max(len(left), len(right))
    steps = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            if same and j < i:
                continue
            off = (j - i) % count
            order = 0 if off == 0 else 1 if i == 0 else 1 + (min(off, count - off) if same else off)
            steps.append((order, i, (a, b, same and i == j)))
    return [step for _, _, step in sorted(steps, key=lambda entry: entry[:2])]


def _doubling(steps: list[_Step]) -> Iterator[list[_Step]]:
    """The blocks of a tile in parts, the main diagonal first, each then as long as all before.

    Near rows stand together, so the first parts hold most neighbours: their exact scores raise the limits for the rest.
    """
    start, stop = 0, sum(step[2] for step in steps)
    while start < len(steps):
        yield steps[start:stop]
        start, stop = stop, 2 * stop


def _cut(whole: range, size: int) -> list[range]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]
