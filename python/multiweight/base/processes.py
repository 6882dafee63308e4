"""A step run in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def step(name: str, *arguments: str) -> list[str]:
    """The command of a step, by this interpreter; run it with :func:`environment`."""
    return [sys.executable, *module(name, *arguments)]


def module(name: str, *arguments: str) -> list[str]:
    """The same for a launcher that starts Python itself, as torchrun does."""
    return ["-m", "multiweight", name, *arguments]


def environment() -> dict[str, str]:
    """This process's environment, in which a new interpreter finds this very package, installed or not."""
    package = str(Path(__file__).resolve().parents[2])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != package]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, *others])}
