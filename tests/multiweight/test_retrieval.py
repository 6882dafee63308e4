from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiweight import measures, retrieval
from multiweight.errors import UserError
from multiweight.measures import average_precision, count_relevant, relevance
from multiweight.retrieval import random_k, top_k


def brute_force(features: np.ndarray, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    x = features.astype(np.float64)
    n = len(x)
    indices, scores = np.full((n, k), -1), np.full((n, k), -np.inf, np.float32)
    for row in range(n):
        if metric == "cosine":
            lengths = np.sqrt((x**2).sum(1)) * np.sqrt((x[row] ** 2).sum())
            dots = (x * x[row]).sum(1)
            score = np.divide(dots, lengths, out=np.zeros(n), where=lengths > 0)
        else:
            score = -np.sqrt(((x - x[row]) ** 2).sum(1))
        rounded = score.astype(np.float32)
        order = sorted((i for i in range(n) if i != row), key=lambda i: (-rounded[i], i))[:k]
        indices[row, : len(order)], scores[row, : len(order)] = order, rounded[order]
    return indices, scores


@st.composite
def feature_sets(draw):
    """Small sets with ties: few distinct values, repeated rows, zero rows, near-equal rows."""
    n, d = draw(st.integers(1, 24)), draw(st.integers(1, 9))
    seed = draw(st.integers(0, 10**6))
    generator = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["integers", "normal", "sparse", "close", "huge"]))
    if kind == "integers":
        x = generator.integers(-1, 2, size=(n, d))
    elif kind == "sparse":
        x = np.maximum(generator.normal(size=(n, d)) - 0.7, 0)
    elif kind == "close":
        x = 1 + 1e-6 * generator.normal(size=(n, d))
    else:
        x = generator.normal(size=(n, d)) * (1e25 if kind == "huge" else 1)
    x = x[generator.integers(0, n, size=n)] if draw(st.booleans()) else x
    return x.astype(np.float32)


@settings(max_examples=150, deadline=None)
@given(feature_sets(), st.integers(1, 30), st.sampled_from(retrieval.METRICS), st.integers(1, 25))
def test_top_k_is_brute_force_in_any_block_size(features, k, metric, block):
    indices, scores = top_k(features, k, metric, block=block)
    expected_indices, expected_scores = brute_force(features, k, metric)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(scores, expected_scores)


def test_ties_go_to_the_lowest_index_and_self_is_excluded():
    features = np.array([[1, 0], [1, 0], [2, 0], [0, 1], [1, 0]], np.float32)
    indices, scores = top_k(features, 3)
    assert indices.tolist() == [[1, 2, 4], [0, 2, 4], [0, 1, 4], [0, 1, 2], [0, 1, 2]]
    assert scores[0].tolist() == [1, 1, 1]
    assert scores[3].tolist() == [0, 0, 0]


def test_fewer_candidates_than_k_are_padded():
    indices, scores = top_k(np.eye(3, dtype=np.float32), 5)
    assert indices.tolist() == [[1, 2, -1, -1, -1], [0, 2, -1, -1, -1], [0, 1, -1, -1, -1]]
    assert np.isneginf(scores[:, 2:]).all()
    assert top_k(np.ones((1, 2), np.float32), 2)[0].tolist() == [[-1, -1]]


def test_a_zero_vector_is_like_nothing():
    features = np.array([[0, 0], [1, 1], [1, 0], [-1, 0]], np.float32)
    indices, scores = top_k(features, 3)
    assert indices[0].tolist() == [1, 2, 3]
    assert scores[0].tolist() == [0, 0, 0]
    assert indices[2].tolist() == [1, 0, 3]


def test_features_of_one_direction_are_all_tied():
    features = np.outer(2.0 ** np.arange(400) % 7 + 1, np.ones(8)).astype(np.float32)
    indices, _ = top_k(features, 2)
    assert indices[:3].tolist() == [[1, 2], [0, 2], [0, 1]]
    assert (indices[3:] == [0, 1]).all()


def test_mistakes_are_named():
    with pytest.raises(UserError, match="1 image.s.: row 1"):
        top_k(np.array([[0, 1], [np.nan, 1]], np.float32))
    with pytest.raises(UserError, match="metric 'manhattan'"):
        top_k(np.eye(2, dtype=np.float32), metric="manhattan")
    with pytest.raises(UserError, match="denominator 'r'"):
        average_precision(np.ones((1, 1), bool), denominator="r")


# One query, five results, relevant at ranks 1, 3 and 4; eight relevant images in the whole set.
WORKED = Fraction(1) + Fraction(2, 3) + Fraction(3, 4)


@pytest.mark.parametrize("denominator, count", [("retrieved", 3), ("all", 8), ("min", 5)])
def test_average_precision_by_hand(denominator, count):
    relevant = np.array([[1, 0, 1, 1, 0]], bool)
    assert average_precision(relevant, np.array([8]), denominator)[0] == pytest.approx(float(WORKED / count), abs=1e-15)


def test_average_precision_without_a_relevant_result_is_zero():
    relevant = np.zeros((2, 4), bool)
    for denominator in measures.DENOMINATORS:
        assert average_precision(relevant, np.array([0, 7]), denominator).tolist() == [0, 0]


def test_perfect_lists():
    relevant = np.ones((1, 50), bool)
    assert average_precision(relevant)[0] == 1
    assert average_precision(relevant, np.array([100]), "all")[0] == 0.5
    assert average_precision(relevant, np.array([100]), "min")[0] == 1


def test_fewer_than_fifty_candidates():
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], bool)
    indices = np.array([[2, 1, 3], [2, 0, 3], [0, 1, 3], [0, 1, 2]])
    padded = np.pad(indices, ((0, 0), (0, 47)), constant_values=-1)
    queries = np.flatnonzero(labels.any(axis=1))
    relevant = relevance(labels, padded, queries)
    assert relevant.shape == (3, 50)
    assert relevant.sum() == 4
    assert average_precision(relevant).tolist() == [1 / 2, 1, 1 / 2]
    assert count_relevant(labels, queries).tolist() == [1, 2, 1]
    assert average_precision(relevant, count_relevant(labels, queries), "min").tolist() == [1 / 2, 1, 1 / 2]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 140), st.floats(0.0, 0.5), st.integers(0, 10**6))
def test_relevance_and_counts_are_brute_force(n, size, density, seed):
    generator = np.random.default_rng(seed)
    labels = generator.random((n, size)) < density
    indices = random_k(n, 7, seed)
    queries = np.flatnonzero(labels.any(axis=1))
    expected = [[i >= 0 and bool((labels[q] & labels[i]).any()) for i in indices[q]] for q in queries]
    assert relevance(labels, indices, queries, block=4).tolist() == expected
    others = [sum(bool((labels[q] & labels[i]).any()) for i in range(n) if i != q) for q in queries]
    assert count_relevant(labels, queries).tolist() == others


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 10**6))
def test_average_precision_agrees_with_torchmetrics(queries, length, seed):
    torch = pytest.importorskip("torch")
    torchmetrics = pytest.importorskip("torchmetrics")
    relevant = np.random.default_rng(seed).random((queries, length)) < 0.3
    metric = torchmetrics.retrieval.RetrievalMAP(top_k=50, empty_target_action="neg")
    order = torch.arange(length, 0, -1, dtype=torch.float32).repeat(queries, 1)
    which = torch.arange(queries)[:, None].repeat(1, length)
    expected = metric(order, torch.from_numpy(relevant), which).item()
    assert average_precision(relevant[:, :50]).mean() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n, k", [(1, 3), (2, 3), (10, 50), (60, 50), (6000, 50)])
def test_a_random_ranking_is_seeded_distinct_and_never_self(n, k):
    indices = random_k(n, k, seed=4)
    assert (indices == random_k(n, k, seed=4)).all()
    wanted = min(k, n - 1)
    assert (indices[:, wanted:] == -1).all()
    for row, found in enumerate(indices[:, :wanted]):
        assert len(set(found)) == wanted and row not in found and (found >= 0).all() and (found < n).all()
    if wanted > 1:
        assert (indices != random_k(n, k, seed=5)).any()


def test_a_random_ranking_is_uniform():
    counts = np.bincount(random_k(40, 3, seed=1).ravel(), minlength=40)
    many = sum(np.bincount(random_k(40, 3, seed=s).ravel(), minlength=40) for s in range(200))
    assert counts.sum() == 120
    assert abs(many / 200 - 3).max() < 0.6
