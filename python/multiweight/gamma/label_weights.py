"""Weights of single labels: how much one that is present costs, by how rare it is among the training images."""

from __future__ import annotations

import numpy as np

#: What becomes of labels that are present: all alike, or the rarer, the more.
KINDS = ("equal", "sqrt_ratio")
#: No weight is above it, nor below its inverse.
BOUND = 10.0


def sqrt_ratio(present: np.ndarray, absent: np.ndarray) -> np.ndarray:
    """sqrt(absent / present) of each label, (L,) float64, from 1/10 to 10; of a label that no image has, 10.

    ``present`` and ``absent`` count training images with and without the label. The ratio
    itself is what makes both sides of a binary cross-entropy weigh the same (pos_weight of today's frameworks); its
    square root and the bounds keep a label of two images from ruling a batch.
    """
    ratio = np.asarray(absent, np.float64) / np.maximum(present, 1e-9)
    return np.clip(np.sqrt(ratio), 1 / BOUND, BOUND)
