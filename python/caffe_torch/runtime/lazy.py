"""Libraries imported at their first use: most trainings never touch OpenCV or HDF5, which take 27 MiB of memory."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Lazy:
    """Stands for the module ``name``, and imports it when one of its attributes is asked for."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
