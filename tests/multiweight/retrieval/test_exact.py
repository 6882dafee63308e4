"""Exact scores against correctly rounded sums, by every way that computes them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from multiweight.retrieval import exact as exact_scores
from multiweight.retrieval.exact import ExactScores


def defined(a, b, cosine):
    """The score of two rows by correctly rounded sums, as a float32."""
    x, y = a.astype(float), b.astype(float)
    if not cosine:
        with np.errstate(over="ignore"):
            return np.float32(-math.sqrt(math.fsum((x - y) ** 2)))
    lengths = math.fsum(x * x) * math.fsum(y * y)
    return np.float32(math.fsum(x * y) / math.sqrt(lengths) if lengths else 0)


def squares(rows):
    return np.einsum("ij,ij->i", rows.astype(float), rows.astype(float))


def assert_all_ways_agree(exact, a, b):
    """All pairs, then every seventh alone (which are summed one by one), then as a whole matrix."""
    expected = np.array([[defined(x, y, exact.cosine) for y in b] for x in a])
    columns, rows = (part.reshape(-1) for part in np.indices((len(b), len(a))))
    for some in (slice(None), slice(0, None, 7)):
        i, j = rows[some], columns[some]
        scores = exact.pairs(a, i, squares(a), b, j, squares(b))
        assert scores.dtype == np.float32 and not np.signbit(scores[scores == 0]).any()
        np.testing.assert_array_equal(scores, expected[i, j])
    np.testing.assert_array_equal(exact.many_to_many(a, squares(a), b, squares(b)), expected)


def test_scores_are_those_of_correctly_rounded_sums():
    generator = np.random.default_rng(4)
    a, b = (generator.normal(size=(30, 200)).astype(np.float32) for _ in range(2))
    squares = [np.einsum("ij,ij->i", x.astype(float), x.astype(float)) for x in (a, b)]
    for cosine in (True, False):
        exact = ExactScores(cosine, 200, nonnegative=False)
        defined = np.array([[exact._exact_score(x, y) for y in b] for x in a])
        np.testing.assert_array_equal(exact.many_to_many(a, squares[0], b, squares[1]), defined)
        columns, rows = (part.reshape(-1) for part in np.indices((30, 30)))
        pairs = exact.pairs(a, rows, squares[0], b, columns, squares[1])
        np.testing.assert_array_equal(pairs.reshape(30, 30).T, defined)
        # A value that the interval's ends round differently is computed by its definition.
        exact.error = 1e-3
        np.testing.assert_array_equal(exact.many_to_many(a, squares[0], b, squares[1]), defined)
        pairs = exact.pairs(a, rows, squares[0], b, columns, squares[1])
        np.testing.assert_array_equal(pairs.reshape(30, 30).T, defined)


@pytest.mark.parametrize("cosine", [True, False])
def test_rows_of_zeros(cosine):
    a = np.array([[0, 0, 0], [1, 2, -2]], np.float32)
    b = np.array([[0, 0, 0], [2, -2, 1], [1, 2, -2]], np.float32)
    scores = ExactScores(cosine, 3, nonnegative=False).many_to_many(a, squares(a), b, squares(b))
    expected = [[0, 0, 0], [0, -4 / 9, 1]] if cosine else [[0, -3, -3], [-3, -math.sqrt(26), 0]]
    np.testing.assert_array_equal(scores, np.float32(expected))
    assert_all_ways_agree(ExactScores(cosine, 3, nonnegative=False), a, b)


@pytest.mark.parametrize("cosine", [True, False])
def test_rows_without_a_negative_value_have_the_tighter_bound(cosine, monkeypatch):
    generator = np.random.default_rng(6)
    a, b = (np.maximum(generator.normal(size=(40, 300)) - 0.5, 0).astype(np.float32) for _ in range(2))
    b[:5] = a[:5]
    exact = ExactScores(cosine, 300, nonnegative=True)
    assert_all_ways_agree(exact, a, b)
    # The bound's size, by hand: (d + 16) units in the last place of float64, twice, of the score itself.
    low, ambiguous = exact._round_or_flag(np.array([0.5, 0.5 + 2**-26]))
    assert low.tolist() == [0.5, 0.5] and ambiguous.tolist() == [False, False]
    # Halfway between two float32, 0.5 and 0.5 + 2**-24, 2 * 316 * 2**-53 * 0.5 decides on neither side.
    ambiguous = exact._round_or_flag(0.5 + 2**-25 + np.array([-1, -0.9, 0, 0.9, 1.01]) * 316 * 2.0**-53)[1]
    assert ambiguous.tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("cosine", [True, False])
def test_no_pairs_have_no_scores(cosine):
    exact = ExactScores(cosine, 4, nonnegative=False)
    a, none = np.ones((3, 4), np.float32), np.empty(0, np.int64)
    scores = exact.pairs(a, none, squares(a), a, none, squares(a))
    assert scores.shape == (0,) and scores.dtype == np.float32
    assert exact.many_to_many(a[:0], squares(a[:0]), a, squares(a)).shape == (0, 3)


def test_a_distance_beyond_float32_is_infinite():
    a, b = np.full((2, 8), 3e38, np.float32), np.full((2, 8), -3e38, np.float32)
    b[1] = a[1]
    exact = ExactScores(False, 8, nonnegative=False)
    scores = exact.pairs(a, np.array([0, 1]), squares(a), b, np.array([0, 1]), squares(b))
    assert scores.tolist() == [-np.inf, 0]
    assert_all_ways_agree(exact, a, b)


@pytest.mark.parametrize("cosine", [True, False])
def test_few_values_at_a_time_and_a_numpy_without_vecdot_give_the_same(cosine, monkeypatch):
    generator = np.random.default_rng(7)
    a, b = (generator.normal(size=(20, 30)).astype(np.float32) for _ in range(2))
    monkeypatch.delattr(np, "vecdot", raising=False)
    for values in (1 << 19, 1200, 100):  # in one, in parts of 40 rows and one by one
        monkeypatch.setattr(exact_scores, "_BUFFER_VALUES", values)
        assert_all_ways_agree(ExactScores(cosine, 30, nonnegative=False), a, b)
