#!/usr/bin/env python3
"""multiweight split, from the checkout: python/multiweight/commands/split.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from multiweight.__main__ import run  # noqa: E402

run("split", sys.argv[1:])
