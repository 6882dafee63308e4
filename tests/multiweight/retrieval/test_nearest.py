from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import feature_sets, nearest
from multiweight.base.errors import UserError
from multiweight.retrieval import nearest as retrieval
from multiweight.retrieval.nearest import random_k, top_k


@settings(max_examples=150, deadline=None)
@given(feature_sets(), st.integers(1, 30), st.sampled_from(retrieval.METRICS), st.integers(1, 25))
def test_top_k_is_brute_force_in_any_block_size(features, k, metric, block):
    indices, scores = top_k(features, k, metric, block=block)
    expected_indices, expected_scores = nearest(features, features, k, metric, itself=True)
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


@pytest.mark.parametrize("n, k", [(1, 3), (2, 3), (10, 50), (60, 50), (6000, 50)])
def test_a_random_ranking_is_seeded_distinct_and_never_self(n, k):
    indices = random_k(n, k, seed=4)
    assert (indices == random_k(n, k, seed=4)).all()
    wanted = min(k, n - 1)
    assert (indices[:, wanted:] == -1).all()
    for row, result in enumerate(indices[:, :wanted]):
        assert len(set(result)) == wanted and row not in result and (result >= 0).all() and (result < n).all()
    if wanted > 1:
        assert (indices != random_k(n, k, seed=5)).any()


def test_a_random_ranking_is_uniform():
    counts = np.bincount(random_k(40, 3, seed=1).ravel(), minlength=40)
    many = sum(np.bincount(random_k(40, 3, seed=s).ravel(), minlength=40) for s in range(200))
    assert counts.sum() == 120
    assert abs(many / 200 - 3).max() < 0.6
