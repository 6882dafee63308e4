"""How each layer type is written to ONNX: the registry of forms, filled by the modules of ``forms/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

import numpy as np

from caffe_torch.export.source import Step

if TYPE_CHECKING:
    from caffe_torch.export.graph import LayerGraph

#: Writes the nodes of one layer and returns the names of its tops' values.
Write = Callable[["LayerGraph"], Sequence[str]]
#: Makes random values of a bottom, valid for the layer, with which the exported model is checked.
MakeTestValues = Callable[[Step, np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Form:
    """``write`` makes the nodes of a layer. ``test_values`` makes the values with which the exported model is checked.

    It has an entry for the index of each bottom that does not take every number, such as labels.
    """

    write: Write
    test_values: Mapping[int, MakeTestValues] = field(default_factory=dict)


FORMS: dict[str, Form] = {}
#: Layer type -> why it has no form.
IMPOSSIBLE: dict[str, str] = {
    "Python": "is a program of its own",
    "HDF5Output": "writes a file",
}
#: Layer type -> where its part that ONNX does not hold can be had instead.
AFTER: dict[str, str] = {}


def form(*types: str, test_values: Mapping[int, MakeTestValues] | None = None) -> Callable[[Write], Write]:
    """Decorator: the function writes layers of these types; its argument is the LayerGraph that it adds nodes to."""

    def add(write: Write) -> Write:
        for name in types:
            FORMS[name] = Form(write, dict(test_values or {}))
        return write

    return add


def integers_below(limit: Callable[[Step], int]) -> MakeTestValues:
    """Test values: whole numbers of 0 or more, below what ``limit`` says of the layer."""
    return lambda step, random, shape: random.integers(0, limit(step), shape).astype(np.float32)
