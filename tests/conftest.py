"""What tests of several rooms use."""

from __future__ import annotations

from pathlib import Path

import environments
import pytest


@pytest.fixture(scope="session")
def opencv4() -> Path:
    """A Python with OpenCV 4, whose cv2.dnn.readNetFromCaffe runs Caffe nets, in a process of its own."""
    return environments.environment("opencv4", environments.OPENCV4)
