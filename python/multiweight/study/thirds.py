"""The groups of a dataset by size, in thirds: head, middle and tail; and the mean over all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MEAN = "mean"
THIRDS = ("head", "middle", "tail")


def by_size(proportions: Mapping[str, float]) -> dict[str, list[str]]:
    """The groups of each part, largest first: ``mean`` is all of them; no thirds of fewer than three groups.

    Groups that do not divide by three make the first thirds larger by one: 29 are 10, 10 and 9.
    """
    ranked = sorted(proportions, key=lambda name: -proportions[name])
    parts = {MEAN: ranked}
    if len(ranked) >= len(THIRDS):
        for name, places in zip(THIRDS, np.array_split(np.arange(len(ranked)), len(THIRDS))):
            parts[name] = [ranked[place] for place in places]
    return parts
