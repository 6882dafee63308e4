"""Where Caffe's own source tree is, for the tests of what it publishes."""

from __future__ import annotations

import warnings
from pathlib import Path

import published
import pytest


@pytest.fixture
def source() -> Path:
    """The tree, or a loud skip."""
    found = published.source()
    if isinstance(found, str):
        warnings.warn(f"PUBLISHED NETS AND PROGRAMS NOT CHECKED: {found}", stacklevel=1)
        pytest.skip(f"PUBLISHED NETS AND PROGRAMS NOT CHECKED: {found}")
    return found
