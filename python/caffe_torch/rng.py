"""The process's random streams: fillers and dropout draw from PyTorch's generators, the data layers from NumPy's."""

from __future__ import annotations

import numpy as np
import torch

_numpy = np.random.default_rng()


def seed(number: int) -> None:
    """Seed every stream, as ``caffe.set_random_seed`` and a solver's ``random_seed`` do.

    The streams are not the original's: the same seed gives other numbers there.
    """
    global _numpy
    torch.manual_seed(number)
    _numpy = np.random.default_rng(number)


def spawn() -> np.random.Generator:
    """A stream of its own for one data layer, which draws in a thread of its own."""
    return np.random.default_rng(_numpy.integers(2**63))
