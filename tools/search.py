#!/usr/bin/env python3
"""multiweight search, from the checkout: python/multiweight/commands/search.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from multiweight.__main__ import run  # noqa: E402

run("search", sys.argv[1:])
