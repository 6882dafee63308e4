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
#: Makes random values of a bottom, valid for the layer, with which the exported model is checked.
Draw = Callable[[Step, np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Form:
    """``write`` makes the nodes of a layer. ``draws``: for bottoms that do not take any number, such as labels, how the
    values are made with which the exported model is checked; by the number of the bottom."""

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
    """Decorator: the function writes layers of these types; its argument is the Group of nodes that it adds to."""

    def add(write: Write) -> Write:
        for name in types:
            FORMS[name] = Form(write, dict(draws or {}))
        return write

    return add


def integers_below(limit: Callable[[Step], int]) -> Draw:
    """Test values: whole numbers of 0 or more, below what ``limit`` says of the layer."""
    return lambda step, random, shape: random.integers(0, limit(step), shape).astype(np.float32)
