"""Intervals and p of a figure, over seeds and over resampled queries, and the least difference that it can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
#: A corrected p below it is called clear.
SIGNIFICANT = 0.05
#: Chance with which an effect of the size that ``Estimate.missed`` gives is found.
POWER = 0.8


@dataclass(frozen=True)
class Estimate:
    """A figure (0 to 1, or a difference of such), its 95% intervals, and the p of its being 0.

    ``seeds``: Student's t over the seeds, None for one seed; ``queries``: percentiles over the test images drawn anew,
    of the average over seeds, None where no draws are kept. ``p_seeds`` and ``p_queries`` in the same two ways.
    ``missed``: the smallest difference that so many seeds with such a spread find in 80 of 100 studies.
    """

    value: float
    seeds: tuple[float, float] | None = None
    queries: tuple[float, float] | None = None
    p_seeds: float | None = None
    p_queries: float | None = None
    missed: float | None = None

    @property
    def p(self) -> float | None:
        """The larger p of those known; None for one seed, which tells nothing of others."""
        return None if self.p_seeds is None else max(self.p_seeds, self.p_queries or 0.0)


def estimate(by_seed: np.ndarray, resampled: np.ndarray | None = None, comparisons: int = 1) -> Estimate:
    """Of one value per seed, and the means over draws of the test images; ``comparisons`` are read together."""
    value, count = float(np.mean(by_seed)), len(by_seed)
    seeds = queries = p_seeds = p_queries = missed = None
    if count > 1 and not math.isnan(value):
        error = float(np.std(by_seed, ddof=1)) / math.sqrt(count)
        half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * error
        seeds = (value - half, value + half)
        p_seeds = _p_of_t(value, error, count - 1)
        strict = float(stats.t.ppf(1 - (1 - LEVEL) / 2 / comparisons, count - 1))
        missed = (strict + float(stats.t.ppf(POWER, count - 1))) * error
    if resampled is not None and not math.isnan(value):
        low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        queries = (float(low), float(high))
        beyond = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
        p_queries = min(1.0, 2 * (beyond + 1) / (len(resampled) + 1))
    return Estimate(value, seeds, queries, p_seeds, p_queries, missed)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Each p corrected for the others that are read beside it (Holm 1979); None stays None and counts as none."""
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for number, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - number) * p))
        corrected[place] = largest
    return corrected


def _p_of_t(value: float, error: float, freedom: int) -> float:
    if error == 0:
        return 0.0 if value else 1.0
    return float(2 * stats.t.sf(abs(value) / error, freedom))
