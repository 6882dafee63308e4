"""Fixtures for tests of several packages: the environments of environments.py."""

from __future__ import annotations

import os
from pathlib import Path

import environments
import pytest

#: What make sets for the programs that it starts. A make that a test starts would take it for its caller's, and print
#: which folder it enters, for one: the tests see the same under `make test` as under `pytest`.
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "MAKE_TERMOUT", "MAKE_TERMERR")

# Of several processes of pytest-xdist each has a core: more threads than cores slow each other down. NumPy, OpenCV and
# PyTorch read it once, when they are imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure() -> None:
    for name in OF_MAKE:
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def opencv4() -> Path:
    """A Python with OpenCV 4, whose cv2.dnn.readNetFromCaffe runs Caffe nets, in a process of its own."""
    return environments.environment("opencv4", environments.OPENCV4)


@pytest.fixture(scope="session")
def wheel() -> Path:
    return environments.wheel()


@pytest.fixture(scope="session")
def installed() -> environments.Installed:
    return environments.Installed("installed")


@pytest.fixture(scope="session")
def without_torch() -> environments.Installed:
    return environments.Installed("without-torch", without=("torch", "torchgen", "functorch"))
