"""The process's random streams: fillers and dropout draw from PyTorch's generators, the data layers from NumPy's."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from caffe_torch.runtime import accelerator, device

_numpy = np.random.default_rng()


def seed(number: int) -> None:
    """Seed every stream, as ``caffe.set_random_seed`` and a solver's ``random_seed`` do.

    The streams are not the original's: the same seed gives other numbers there.
    """
    global _numpy
    torch.manual_seed(number)
    _numpy = np.random.default_rng(number)


def spawn_seed() -> int:
    """The seed of one data layer, which draws in threads of its own: batch i from ``default_rng((seed, i))``."""
    return int(_numpy.integers(2**63))


def state() -> dict[str, Any]:
    """Where the engine's streams are; for Python layers also the global ones of NumPy, Python and the GPU in use."""
    streams: dict[str, Any] = {"engine": _numpy.bit_generator.state, "torch": torch.get_rng_state().numpy()}
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    streams["numpy"] = {"name": name, "keys": keys, "position": position, "has_gauss": has_gauss, "gauss": gauss}
    version, words, left = random.getstate()
    streams["python"] = {"version": version, "words": np.array(words, np.uint32), "gauss": left}
    where = device.current()
    state = accelerator.random_state(where)
    if state is not None:
        streams[where.type] = state.numpy()
    return streams


def set_state(streams: dict[str, Any]) -> None:
    """Go on where ``state`` was taken; ValueError, KeyError or TypeError where ``streams`` is none."""
    _numpy.bit_generator.state = streams["engine"]
    try:
        torch.set_rng_state(torch.from_numpy(streams["torch"]))
    except RuntimeError as error:
        raise ValueError(f"PyTorch's random state: {error}") from None
    legacy = streams["numpy"]
    np.random.set_state((legacy["name"], legacy["keys"], legacy["position"], legacy["has_gauss"], legacy["gauss"]))
    if "python" in streams:  # files of earlier versions have none
        python = streams["python"]
        random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    where = device.current()
    if where.type in streams:
        accelerator.set_random_state(where, torch.from_numpy(streams[where.type]))
