"""How sure a figure is: bootstrap intervals over images, and a paired permutation test between two methods.

Not by scipy.stats: its resampling copies every drawn value of every group, where here a resample of all groups is one
product of counts with a table. Nor is SciPy a dependency of the evaluation, which also runs in the original's root.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from multiweight.base.errors import UserError

RESAMPLES = 1000
PERMUTATIONS = 2000
LEVEL = 0.95
_VALUES = 1 << 24


@dataclass(frozen=True)
class Intervals:
    """Lower and upper ends for each group (NaN without queries) and for the mean over groups."""

    low: np.ndarray
    high: np.ndarray
    mean: tuple[float, float]


def bootstrap(values: np.ndarray, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 1) -> Intervals:
    """Percentile intervals of each group's mean and of the mean of these, images drawn as :func:`drawn` draws them.

    ``values`` is (n, groups), NaN where an image is no query of the group.
    """
    means = drawn(values, resamples, seed)
    ends = [(1 - level) / 2, (1 + level) / 2]
    with warnings.catch_warnings():
        # A group without queries has no interval.
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanquantile(means, ends, axis=0)
        mean = np.nanquantile(np.nanmean(means, axis=1), ends)
    return Intervals(low, high, (float(mean[0]), float(mean[1])))


def drawn(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 1) -> np.ndarray:
    """Each group's mean over images drawn with replacement, (resamples, groups); NaN for a group without queries.

    ``values`` is (n, groups), NaN where an image is no query of the group. An image is drawn with all its groups, so
    that the interval of the mean over groups knows how they hang together. Where a draw leaves a group without queries
    (of two or three), the group counts with its measured mean: left out, it would shift the mean over groups. Seeded:
    the same draws for all arrays of ``n`` images.
    """
    known = ~np.isnan(values)
    table = np.concatenate([np.where(known, values, 0.0), known], axis=1)
    n, groups = values.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        measured = table[:, :groups].sum(axis=0) / table[:, groups:].sum(axis=0)
    generator = np.random.default_rng(seed)
    means = np.empty((resamples, groups))
    step = max(1, _VALUES // max(1, n))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        counts = np.stack([np.bincount(generator.integers(0, n, n), minlength=n) for _ in range(start, stop)])
        sums = counts.astype(np.float64) @ table
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn_means = sums[:, :groups] / sums[:, groups:]
        means[start:stop] = np.where(sums[:, groups:] > 0, drawn_means, measured)
    return means


@dataclass(frozen=True)
class Difference:
    """``first`` minus ``second`` and the two-sided p, for each group (NaN without queries) and for the mean."""

    groups: np.ndarray
    p: np.ndarray
    mean: float
    mean_p: float


def paired(first: np.ndarray, second: np.ndarray, permutations: int = PERMUTATIONS, seed: int = 1) -> Difference:
    """A permutation test of two methods on the same queries: an image's two results change places, or not, at random.

    Both are (n, groups) with NaN in the same places, else UserError. An image changes sides in all its groups at once.
    p counts the permutations whose difference is at least as large as the measured one, itself among them. Seeded.
    """
    if first.shape != second.shape or (np.isnan(first) != np.isnan(second)).any():
        raise UserError("the two methods were not measured on the same queries: evaluate both on the same test images")
    n, groups = first.shape
    known = ~np.isnan(first)
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        parts = np.where(known, first - second, 0.0) / np.maximum(counts, 1)
    scored = counts > 0
    parts = np.concatenate([parts, parts[:, scored].mean(axis=1, keepdims=True) if scored.any() else parts[:, :1]], 1)
    measured = parts.sum(axis=0)
    generator = np.random.default_rng(seed)
    reached = np.zeros(groups + 1)
    step = max(1, _VALUES // max(1, n))
    for start in range(0, permutations, step):
        size = min(step, permutations - start)
        bits = np.unpackbits(np.frombuffer(generator.bytes(size * (-(-n // 8))), np.uint8)).reshape(size, -1)[:, :n]
        sums = bits.astype(np.float64) @ (2 * parts) - measured
        # Equal up to the rounding of a sum is equal: with few queries many permutations are.
        reached += (np.abs(sums) >= np.abs(measured) * (1 - 1e-9) - 1e-15).sum(axis=0)
    p = (reached + 1) / (permutations + 1)
    differences = np.where(scored, measured[:-1], np.nan)
    return Difference(differences, np.where(scored, p[:-1], np.nan), float(measured[-1]), float(p[-1]))
