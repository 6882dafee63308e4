"""How each layer type is written to ONNX: the registry of forms, filled by the modules of ``forms/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

import numpy as np

from caffe_torch.export.source import Step

if TYPE_CHECKING:
    from caffe_torch.export.graph import Group

#: Writes the nodes of one layer and returns the names of its tops' values.
Write = Callable[["Group"], Sequence[str]]
#: Draws values for a bottom that are valid for the layer.
Draw = Callable[[Step, np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Form:
    """``write`` makes the nodes; ``draws`` are values to check with, by bottom, where not any number will do."""

    write: Write
    draws: Mapping[int, Draw] = field(default_factory=dict)


FORMS: dict[str, Form] = {}
#: Layer type -> why it has no form.
IMPOSSIBLE: dict[str, str] = {
    "Python": "is a program of its own",
    "HDF5Output": "writes a file",
}
#: Layer type -> where its part that ONNX does not hold can be had instead.
AFTER: dict[str, str] = {}


def form(*types: str, draws: Mapping[int, Draw] | None = None) -> Callable[[Write], Write]:
    """Decorator: the function writes layers of these types."""

    def add(write: Write) -> Write:
        for name in types:
            FORMS[name] = Form(write, dict(draws or {}))
        return write

    return add


def whole_below(limit: Callable[[Step], int]) -> Draw:
    """Draws of whole numbers from 0 to below ``limit`` of the layer."""
    return lambda step, random, shape: random.integers(0, limit(step), shape).astype(np.float32)
