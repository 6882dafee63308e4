"""The readers that are fuzzed: a name, valid inputs to begin from, how to change them, and what reads the result.

A family of readers is a module ``readers_<family>.py`` here that fills READERS by ``register``; ``load`` imports all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mutations

HERE = Path(__file__).resolve().parent
#: Inputs that once ended in something else than a clear error: KEPT/<reader>/<what it was>.
KEPT = HERE / "kept"


@dataclass(frozen=True)
class Reader:
    """``read(path)`` must return, or raise one of ``errors``; anything else is a fault.

    ``examples(folder)`` are valid inputs; it may leave files in ``folder``, the working directory, that ``read`` needs.
    ``change(generator, example, others)`` makes one into something damaged. ``name`` is a file name without suffix.
    """

    name: str
    suffix: str
    examples: Callable[[Path], Sequence[bytes]]
    read: Callable[[Path], object]
    errors: tuple[type[BaseException], ...]
    change: mutations.Change = field(default=mutations.change_bytes)


READERS: dict[str, Reader] = {}


def register(reader: Reader) -> Reader:
    """Add ``reader`` under its name."""
    if reader.name in READERS:
        raise ValueError(f"two readers are called {reader.name}")
    READERS[reader.name] = reader
    return reader


def load() -> dict[str, Reader]:
    """All readers, by name."""
    for path in sorted(HERE.glob("readers_*.py")):
        importlib.import_module(path.stem)
    return READERS
