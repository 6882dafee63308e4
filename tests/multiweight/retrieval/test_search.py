"""The search against brute force, and against itself in every other order, size, split and arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import unchecked
from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import feature_sets, nearest
from multiweight.base.errors import UserError
from multiweight.retrieval import matmul_screen, plan
from multiweight.retrieval import nearest as retrieval
from multiweight.retrieval.exact import ExactScores
from multiweight.retrieval.nearest import top_k
from searches import ladders, searched


@settings(max_examples=80, deadline=None)
@given(
    feature_sets(40),
    st.integers(1, 12),
    st.sampled_from(retrieval.METRICS),
    st.sampled_from(["numpy", "float64", "bfloat16"]),
    st.integers(1, 20),
    st.integers(1, 30),
    st.booleans(),
)
def test_any_product_block_panel_and_pending_gives_brute_force(x, k, metric, ladder, block, panel, crowded):
    k = min(k, max(1, len(x) - 1))
    if len(x) < 2:
        return
    # Pairs are scored early, and every block leaves too many, in turn.
    before, matmul_screen.MOST_PAIRS = matmul_screen.MOST_PAIRS, -(10**6) if crowded else matmul_screen.MOST_PAIRS
    try:
        ranking = searched(x, k, metric, ladders(x.shape[1])[ladder], plan.Plan(block, panel, 20))
    finally:
        matmul_screen.MOST_PAIRS = before
    expected_indices, expected_scores = nearest(x, x, k, metric, itself=True)
    np.testing.assert_array_equal(ranking.indices, expected_indices)
    np.testing.assert_array_equal(ranking.scores, expected_scores)


@settings(max_examples=60, deadline=None)
@given(feature_sets(20), st.integers(1, 25), st.integers(0, 10**6), st.sampled_from(retrieval.METRICS))
def test_queries_against_a_gallery(gallery, k, seed, metric):
    generator = np.random.default_rng(seed)
    queries = np.concatenate([gallery[:3], generator.normal(size=(5, gallery.shape[1])).astype(np.float32)])
    indices, scores = top_k(queries, k, metric, gallery, block=4)
    expected_indices, expected_scores = nearest(queries, gallery, k, metric, itself=False)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(scores, expected_scores)


def test_threads_change_nothing():
    x = np.random.default_rng(1).normal(size=(900, 24)).astype(np.float32)
    by_one_thread, by_three_threads = (top_k(x, 9, threads=threads, block=200) for threads in (1, 3))
    np.testing.assert_array_equal(by_one_thread[0], by_three_threads[0])
    np.testing.assert_array_equal(by_one_thread[1], by_three_threads[1])


def test_the_same_neighbours_as_faiss_where_scores_differ():
    faiss = unchecked.package("faiss", "the same neighbours as FAISS's")
    generator = np.random.default_rng(3)
    x = np.maximum(generator.normal(size=(1200, 128)), 0).astype(np.float32)
    x[1000:1100] = x[:100]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for index, metric in ((faiss.IndexFlatIP(128), "cosine"), (faiss.IndexFlatL2(128), "euclidean")):
        data = unit if metric == "cosine" else x
        index.add(data)
        theirs, result = index.search(data, 21)
        # FAISS subtracts squares, and is off by that much.
        indices, scores = top_k(x, 20, metric)
        for row in range(len(x)):
            keep = np.flatnonzero(result[row] != row)[:20]
            t = theirs[row][keep]
            ours = np.sort(scores[row] if metric == "cosine" else np.square(scores[row]))
            assert np.abs(np.sort(t) - ours).max() < (1e-5 if metric == "cosine" else 1e-3)
            clear = scores[row] > scores[row][-1] + 1e-4
            assert set(indices[row][clear]) <= set(result[row])


@pytest.mark.parametrize("metric", retrieval.METRICS)
def test_equal_features_cost_little_and_go_by_index(metric, monkeypatch):
    """A dead net gives every image the same feature: once a row has k perfect scores, nothing later is computed."""
    computed, way = [], ExactScores.many_to_many
    monkeypatch.setattr(
        ExactScores, "many_to_many", lambda self, a, *rest: computed.append(len(a)) or way(self, a, *rest)
    )
    x = np.tile(np.random.default_rng(1).random(8).astype(np.float32), (1500, 1))
    x[1400:] += 1
    indices, scores = top_k(x, 3, metric, block=100)
    assert indices[0].tolist() == [1, 2, 3] and (indices[4:1400] == [0, 1, 2]).all()
    assert indices[1400].tolist() == [1401, 1402, 1403] and (scores == (1 if metric == "cosine" else 0)).all()
    # 15 blocks on the diagonal and those of the first rows, of 120 in all.
    assert sum(computed) <= 40 * 100


@pytest.mark.parametrize("scale", [1e-38, 1e-40, 1e-44, 1e30])
@pytest.mark.parametrize("metric", retrieval.METRICS)
def test_the_smallest_and_largest_values_have_neighbours_too(scale, metric):
    x = (np.random.default_rng(5).normal(size=(40, 8)) * scale).astype(np.float32)
    indices, scores = top_k(x, 5, metric, block=8)
    expected = nearest(x, x, 5, metric, True)
    assert np.array_equal(indices, expected[0]) and np.array_equal(scores, expected[1])


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(block=-1), "block = -1: expected a whole number, 1 or more"),
        (dict(threads=0), "threads = 0"),
        (dict(memory=-5), "memory = -5"),
        (dict(k=5.0), "k = 5.0"),
        (dict(k=True), "k = True"),
        (dict(k=10**15), "do not fit into memory"),
        (dict(k=10**30), "do not fit into memory"),
        (dict(candidates=np.full((3, 4), "a")), "candidates: values of the kind <U1: expected numbers"),
        (dict(candidates=np.ones((3, 4), complex)), "candidates: values of the kind complex128: expected numbers"),
        (dict(candidates=[[1, 2, 3, 4], [1]]), "candidates: no array .*: expected .images, values."),
        (dict(device="foo"), "device 'foo' cannot be used"),
        (dict(candidates=np.full((3, 4), np.nan)), "candidates: NaN or infinity in the features of 3 image"),
    ],
)
def test_options_that_cannot_be_are_named(options, message):
    unchecked.package("torch", "options of the search")
    with pytest.raises(UserError, match=message):
        top_k(np.eye(4, dtype=np.float32), **{"k": 2, **options})
