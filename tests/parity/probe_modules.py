"""The files of probes, and which of them holds a probe."""

from __future__ import annotations

from types import ModuleType

import probes
import probes_bytes
import probes_files
import probes_gradients
import probes_weights

MODULES: tuple[ModuleType, ...] = (probes, probes_weights, probes_gradients, probes_files, probes_bytes)


def module_of(probe: str) -> str:
    """The name of the module that defines ``probe``; LookupError where none does."""
    for module in MODULES:
        result = getattr(module, probe, None)
        if callable(result) and result.__module__ == module.__name__:
            return module.__name__
    raise LookupError(f"no probe is called {probe}")
