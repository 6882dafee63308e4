"""What tests of several rooms use: the environments of environments.py."""

from __future__ import annotations

from pathlib import Path

import environments
import pytest


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
