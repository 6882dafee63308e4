#!/usr/bin/env python3
"""multiweight make-subset, from the checkout: python/multiweight/commands/make_subset.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from multiweight.__main__ import run  # noqa: E402

run("make_subset", sys.argv[1:])
