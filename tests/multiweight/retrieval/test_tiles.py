"""How a search is cut: each pair once, the diagonal first; and the progress that it tells."""

from __future__ import annotations

import numpy as np
import pytest

from multiweight.retrieval import matmul, plan, search
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.nearest import top_k
from multiweight.retrieval.rows import Rows


def opened(n, gallery_size, sizes):
    rows = Rows(np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32))
    gallery = None if gallery_size is None else Rows(np.ones((gallery_size, 4), np.float32))
    space = Space(True, [rows, gallery or rows])
    return search.Search(rows, gallery, 2, space, sizes, [matmul.NumpyMatmul(np.float32, 4)], None, 1)


@pytest.mark.parametrize(("n", "gallery_size"), [(10, None), (9, None), (3, None), (10, 7), (2, 9)])
def test_tiles_and_their_blocks_hold_every_pair_once(n, gallery_size):
    with opened(n, gallery_size, plan.Plan(block=2, panel=4, pending=100)) as opened_search:
        visits = np.zeros((n, n if gallery_size is None else gallery_size), int)
        for rows, columns in opened_search.tiles():
            same = gallery_size is None and rows == columns
            a, b = np.array(rows), np.array(columns)
            for left, right, triangle in search._by_diagonals(a, b, 2, same):
                assert triangle == (same and left[0] == right[0])
                result = np.ones((len(left), len(right)), int)
                visits[np.ix_(left, right)] += np.triu(result, 1) if triangle else result
    expected = np.ones_like(visits) if gallery_size is not None else np.triu(np.ones_like(visits), 1)
    np.testing.assert_array_equal(visits, expected)


def test_the_diagonal_comes_first_then_the_first_rows():
    """Blocks of one row in a tile of four."""
    rows = np.arange(4)
    steps = [(int(a[0]), int(b[0])) for a, b, _ in search._by_diagonals(rows, rows, 1, True)]
    assert steps[:4] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert steps[4:7] == [(0, 1), (0, 2), (0, 3)] and sorted(steps[7:]) == [(1, 2), (1, 3), (2, 3)]


def test_parts_double():
    """Four blocks on the diagonal, ten in all: 4, then 4, then the rest."""
    rows = np.arange(4)
    parts = list(search._doubling(search._by_diagonals(rows, rows, 1, True)))
    assert [len(part) for part in parts] == [4, 4, 2]


@pytest.mark.parametrize("options", [{}, {"block": 64}, {"block": 300}, {"memory": 1 << 20}])
@pytest.mark.parametrize("gallery", [False, True])
def test_progress_ends_at_all_rows(options, gallery):
    x = np.random.default_rng(1).normal(size=(1500, 64)).astype(np.float32)
    rows_reported = []
    top_k(x, 7, candidates=x[:1000] if gallery else None, progress=rows_reported.append, device="cpu", **options)
    assert sum(rows_reported) == 1500 and min(rows_reported) >= 0
