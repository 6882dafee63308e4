"""What the tests of the device share: running on it, and arrays that must agree with the CPU's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import emulated_accelerator as emulated
import numpy as np
from deviations import deviation

import caffe_torch as caffe

Arrays = Mapping[str, np.ndarray]


@contextmanager
def on_the_device() -> Iterator[emulated.Counts]:
    """Within it nets are computed on the emulated accelerator, whose counts it gives."""
    with emulated.present():
        caffe.set_mode_gpu()
        try:
            yield emulated.counts
        finally:
            caffe.set_mode_cpu()


def assert_same(arrays: Arrays, expected: Arrays, tolerance: float = 1e-5) -> None:
    """Equal names and, by max|a - b| / max|b|, equal arrays."""
    assert set(arrays) == set(expected)
    wrong = {name: deviation(arrays[name], array) for name, array in expected.items()}
    assert {name: worst for name, worst in wrong.items() if not worst <= tolerance} == {}


def parameters(net: caffe.Net, part: str = "data") -> dict[str, np.ndarray]:
    """Data or diff of every parameter, by "layer/number"."""
    return {
        f"{name}/{i}": getattr(blob, part).copy() for name, blobs in net.params.items() for i, blob in enumerate(blobs)
    }
