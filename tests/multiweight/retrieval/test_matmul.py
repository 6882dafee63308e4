"""Matrix products that screen: their error bounds, and the threads that they share."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import threadpoolctl

from brute_force import nearest
from multiweight.retrieval import matmul, plan, search
from multiweight.retrieval import nearest as retrieval
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.nearest import top_k
from multiweight.retrieval.rows import Rows
from searches import ladders, searched


@pytest.mark.parametrize("metric", retrieval.METRICS)
@pytest.mark.parametrize("ladder", ["numpy", "bfloat16"])
def test_the_bound_of_a_product_holds(metric, ladder):
    generator = np.random.default_rng(2)
    x = np.maximum(generator.normal(size=(300, 500)) + 1, 0).astype(np.float32)
    rows = Rows(x)
    space = Space(metric == "cosine", [rows])
    product = ladders(500)[ladder][0]
    block = space.block(product, rows, x, 0, np.arange(300))
    no_limit = np.full(300, -np.inf)
    values = product.multiply(block.stored, block.stored)
    i, j, result = product.select(values, (block.bias, block.bias), (no_limit, no_limit), True)
    assert len(i) == 300 * 299 // 2 and (i < j).all()
    wide = x.astype(np.longdouble)
    if metric == "cosine":
        unit = wide / np.sqrt((wide**2).sum(1))[:, None]
        true = (unit[i] * unit[j]).sum(1)
    else:
        true = -(((wide[i] - wide[j]) / space.scale) ** 2).sum(1) / 2
    row_lengths = (block.lengths[i], block.errors[i], np.abs(block.bias[i]))
    other = (block.lengths[j], block.errors[j], np.abs(block.bias[j]))
    bound = space.error(product, row_lengths, other) + product.output * np.abs(result - block.bias[i] - block.bias[j])
    off = np.abs(result.astype(np.float64) - true.astype(np.float64))
    assert (off <= bound).all()
    # And it is the bound of this arithmetic: float64 would be a million times closer.
    assert off.max() > 1e-4 * bound.min()


def test_a_product_with_a_wrong_bound_would_be_noticed():
    """The tests above can fail: without room for its rounding, bfloat16 loses neighbours."""
    x = np.random.default_rng(0).normal(size=(400, 64)).astype(np.float32)

    def trust(opened_search):
        opened_search.space.error = lambda *_: 0.0
        opened_search.matmul_screen.matmuls[0].output = 0.0

    ranking = searched(x, 5, "cosine", ladders(64)["bfloat16"], plan.Plan(100, 400, 10**6), change=trust)
    assert (ranking.indices != nearest(x, x, 5, "cosine", itself=True)[0]).any()


def blas_threads():
    """Of the BLAS that NumPy's products take: FAISS and others bring one of their own where they are loaded."""
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return max(pool["num_threads"] for pool in pools if "numpy" in pool["filepath"] or len(pools) == 1)


@pytest.mark.parametrize("threads, calls, each", [(1, 1, 1), (2, 2, 1), (5, 5, 1), (16, 8, 2), (200, 8, 25)])
def test_products_share_the_threads(monkeypatch, threads, calls, each):
    x = np.random.default_rng(4).normal(size=(40, 6)).astype(np.float32)
    before, thread_counts, multiply = blas_threads(), [], matmul.NumpyMatmul.multiply
    stack, result = matmul.limit_blas_threads(matmul.NumpyMatmul(np.float32, 6), threads, 8)
    stack.close()
    assert result == calls

    def watch(self, a, b):
        thread_counts.append(blas_threads())
        return multiply(self, a, b)

    monkeypatch.setattr(matmul, "_torch", lambda: None)
    monkeypatch.setattr(matmul.NumpyMatmul, "multiply", watch)
    rows = Rows(x)
    matmuls = matmul.available(6, "cpu")
    with search.Search(
        rows, None, 3, Space(True, [rows]), plan.Plan(4, 40, 10**6, ahead=8), matmuls, None, threads
    ) as opened_search:
        for a, b in opened_search.tiles():
            opened_search.search_tile(a, b)
    assert len(thread_counts) >= 55 and max(thread_counts) <= each
    assert blas_threads() == before
    assert np.array_equal(opened_search.ranking.indices, nearest(x, x, 3, "cosine", True)[0])


def test_without_threadpoolctl_it_is_one_product_at_a_time(monkeypatch):
    x = np.random.default_rng(4).normal(size=(40, 6)).astype(np.float32)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "threadpoolctl", None)
        assert matmul.limit_blas_threads(matmul.NumpyMatmul(np.float32, 6), 4, 8)[1] == 1
        alone = top_k(x, 3, threads=4, block=4)
    together = top_k(x, 3, threads=4, block=4)
    assert np.array_equal(alone[0], together[0]) and np.array_equal(alone[1], together[1])
