#!/usr/bin/env python3
"""multiweight serve, from the checkout: python/multiweight/commands/serve.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from multiweight.__main__ import run  # noqa: E402

run("serve", sys.argv[1:])
