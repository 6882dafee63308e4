"""GPU mode on the emulated accelerator, for every test here, and what they share on the path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "parity"), str(TESTS / "multiweight")]

import emulated_accelerator as emulated  # noqa: E402

import caffe_torch as caffe  # noqa: E402

# Autograd makes its threads at the first backward of a process, one for each device that is registered then.
emulated.install()


@pytest.fixture(autouse=True)
def cpu_again() -> Iterator[None]:
    """Each test begins, and leaves the process, on the CPU; ``devices.on_the_device`` puts it on the accelerator."""
    caffe.set_mode_cpu()
    yield
    caffe.set_mode_cpu()
    caffe.set_device(0)
