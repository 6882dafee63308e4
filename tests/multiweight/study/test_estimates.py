"""Intervals, p and corrections by hand."""

import numpy as np
import pytest

from multiweight.study import estimates, thirds


def test_students_t_over_three_seeds():
    # 1, 2, 3: mean 2, standard error 1 / sqrt(3) = 0.57735; t of 0.975 with two degrees of freedom is 4.30265.
    estimate = estimates.estimate(np.array([1.0, 2.0, 3.0]))
    assert estimate.seeds == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4) and estimate.queries is None
    # t = 3.4641: p = 1 - 3.4641 / sqrt(2 + 12) = 0.074180.
    assert estimate.p == pytest.approx(0.0741799, abs=1e-6)
    # 0.8 of t with two degrees of freedom is 1.06066.
    assert estimate.missed == pytest.approx(0.57735 * (4.30265 + 1.06066), abs=1e-4)


def test_more_comparisons_can_miss_more():
    values = np.array([1.0, 2.0, 3.0])
    # 1 - 0.05 / 2 / 4 of t with two degrees of freedom is 8.86035.
    assert estimates.estimate(values, comparisons=4).missed == pytest.approx(0.57735 * (8.86035 + 1.06066), abs=1e-3)


def test_the_larger_of_the_two_ways_counts():
    drawn = np.array([-0.1] * 10 + [0.1] * 89)
    estimate = estimates.estimate(np.array([0.08, 0.0801]), drawn)
    # 10 of 99 draws are at or below 0: 2 * 11 / 100.
    assert estimate.p_queries == pytest.approx(0.22) and estimate.p_seeds < 0.01 and estimate.p == estimate.p_queries
    assert estimates.estimate(np.array([0.08]), drawn).p is None, "one seed tells nothing of others"
    assert estimates.estimate(np.array([np.nan, np.nan]), drawn).p is None


def test_seeds_without_spread():
    assert estimates.estimate(np.array([0.1, 0.1])).p == 0 and estimates.estimate(np.array([0.0, 0.0])).p == 1


def test_holms_correction_by_hand():
    # Smallest first: 4 * 0.01, 3 * 0.02, 2 * 0.03, 1 * 0.04, which may not fall: 0.06.
    assert estimates.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert estimates.holm([0.6, None, 0.7]) == [1.0, None, 1.0]
    assert estimates.holm([]) == []


def test_thirds_by_size():
    sizes = {f"g{n}": 1 / (n + 1) for n in range(29)}
    parts = thirds.by_size(dict(reversed(sizes.items())))
    assert [len(parts[name]) for name in ("mean", "head", "middle", "tail")] == [29, 10, 10, 9]
    assert parts["head"][0] == "g0" and parts["tail"][-1] == "g28"
    assert list(thirds.by_size({"a": 1.0, "b": 0.5})) == ["mean"]
