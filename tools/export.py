#!/usr/bin/env python3
"""multiweight export, from the checkout: python/multiweight/commands/export.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from multiweight.__main__ import run  # noqa: E402

run("export", sys.argv[1:])
