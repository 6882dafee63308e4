from __future__ import annotations

import itertools

import numpy as np
import pytest
import unchecked

from multiweight.base.errors import UserError
from multiweight.evaluate.intervals import bootstrap, paired


def test_an_interval_agrees_with_scipys_bootstrap():
    stats = unchecked.package("scipy.stats", "intervals beside SciPy's")
    values = np.random.default_rng(1).beta(0.5, 0.7, size=(400, 1))
    result = bootstrap(values, resamples=4000)
    theirs = stats.bootstrap(
        (values[:, 0],), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert result.low[0] == pytest.approx(theirs.low, abs=4e-3)
    assert result.high[0] == pytest.approx(theirs.high, abs=4e-3)
    assert result.mean == (result.low[0], result.high[0])


def test_an_interval_covers_the_truth_19_times_in_20():
    generator, covered = np.random.default_rng(3), 0
    for trial in range(200):
        result = bootstrap(generator.random((60, 1)), resamples=300, seed=trial)
        covered += result.low[0] <= 0.5 <= result.high[0]
    assert 178 <= covered <= 199


def test_groups_without_queries_have_no_interval_and_seeds_decide():
    values = np.random.default_rng(1).random((50, 3))
    values[:, 1] = np.nan
    values[:25, 2] = np.nan
    first, same_seed, other_seed = bootstrap(values), bootstrap(values), bootstrap(values, seed=2)
    assert np.isnan(first.low[1]) and np.isnan(first.high[1]) and np.isfinite(first.mean).all()
    np.testing.assert_array_equal(first.low, same_seed.low)
    assert (first.low != other_seed.low)[[0, 2]].all()
    means = np.nanmean(values, axis=0)[[0, 2]]
    assert (first.low[[0, 2]] < means).all() and (means < first.high[[0, 2]]).all()


def test_p_is_the_share_of_all_sign_changes():
    """Eight queries: all 256 sign changes can be listed."""
    first = np.array([[0.9, 0.8, 0.7, 0.9, 0.3, 0.6, 0.8, 0.5]]).T
    second = np.array([[0.5, 0.7, 0.9, 0.2, 0.1, 0.6, 0.4, 0.3]]).T
    differences = (first - second)[:, 0]
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=8)]
    share = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    result = paired(first, second, permutations=20000)
    assert result.p[0] == pytest.approx(share, abs=0.01) and result.mean_p == result.p[0]
    assert result.groups[0] == pytest.approx(differences.mean()) == result.mean


def test_equal_methods_have_p_1_and_clear_ones_the_least():
    values = np.random.default_rng(1).random((100, 2))
    values[:, 1] = np.nan
    same = paired(values, values)
    assert same.p[0] == 1 and np.isnan(same.p[1]) and same.mean_p == 1
    assert paired(values + 0.1, values, permutations=999).p[0] == 1 / 1000


def test_false_alarms_are_as_rare_as_promised():
    generator = np.random.default_rng(5)
    ps = [paired(*generator.random((2, 40, 1)), permutations=200, seed=n).p[0] for n in range(300)]
    assert 0.01 <= np.mean(np.array(ps) <= 0.05) <= 0.09


def test_other_queries_are_an_error():
    with pytest.raises(UserError, match="same queries"):
        paired(np.array([[0.1], [np.nan]]), np.array([[0.1], [0.2]]))
