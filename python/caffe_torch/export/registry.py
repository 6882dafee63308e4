"""The converters from layers to ONNX nodes, by layer type; the modules of ``converters/`` fill the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

import numpy as np

from caffe_torch.export.subgraph import LayerNode

if TYPE_CHECKING:
    from caffe_torch.export.graph import LayerGraph

#: Adds the ONNX nodes of one layer to its LayerGraph; returns the names of the tops' values, in the tops' order.
Convert = Callable[["LayerGraph"], Sequence[str]]
#: Makes float32 test values of a given shape that are valid for one bottom of the layer.
MakeTestValues = Callable[[LayerNode, np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Converter:
    """How a layer type becomes ONNX nodes.

    ``test_values``: for bottoms that accept only some values, such as class labels, the function that makes random ones
    to check the exported model with. The key is the index of the bottom; a negative one counts from the last.
    """

    convert: Convert
    test_values: Mapping[int, MakeTestValues] = field(default_factory=dict)


CONVERTERS: dict[str, Converter] = {}
#: Layer type -> why it has no converter, as the end of the error's sentence "it ...".
UNSUPPORTED: dict[str, str] = {
    "Python": "is a program of its own",
    "HDF5Output": "writes a file",
}
#: Layer type -> a hint for the end of that error: how its work can be done outside the model.
HINTS: dict[str, str] = {}


def converter(*types: str, test_values: Mapping[int, MakeTestValues] | None = None) -> Callable[[Convert], Convert]:
    """Decorator: registers the function as the converter of these layer types."""

    def add(convert: Convert) -> Convert:
        for name in types:
            if name in CONVERTERS:
                first = CONVERTERS[name].convert.__module__
                raise ValueError(f"layer type {name!r} has two converters: {first}, {convert.__module__}")
            CONVERTERS[name] = Converter(convert, dict(test_values or {}))
        return convert

    return add


def integers_below(limit: Callable[[LayerNode], int]) -> MakeTestValues:
    """Test values: whole numbers from 0 to below ``limit(layer)``, as float32."""
    return lambda layer, random, shape: random.integers(0, limit(layer), shape).astype(np.float32)
