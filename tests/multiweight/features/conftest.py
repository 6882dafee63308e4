"""The engine, and the tiny net with its images, of the tests of features."""

from __future__ import annotations

import pytest

from multiweight.base import engine
from tiny_features import make_case


@pytest.fixture(scope="module")
def caffe():
    module = engine.select()
    module.set_mode_cpu()
    return module


@pytest.fixture
def case(caffe, tmp_path):
    return make_case(caffe, tmp_path)
