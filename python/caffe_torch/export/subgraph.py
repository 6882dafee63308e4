"""The part of a net that is exported: the layers that its outputs need, with the shapes at two sizes of the inputs.

No other file of this folder reads the attributes of ``Net``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.proto import caffe_pb2

Sizes = tuple[int, ...]

#: Layers that read files or memory of their own: their tops are inputs of no exported model.
READERS = (
    "Data", "ImageData", "HDF5Data", "WindowData", "MemoryData",
    "AnnotatedData", "DenseImageData", "ImageLabelmapData", "ImageSegData",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A blob's shape at two sizes of the inputs, ``sizes`` and ``others``; an axis on which they differ is dynamic."""

    sizes: Sizes
    others: Sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, axis: int) -> int:
        return self.sizes[axis]

    def varies(self, axis: int) -> bool:
        """Whether the size of this axis depends on the size of the inputs."""
        return self.sizes[axis] != self.others[axis]

    @property
    def varying(self) -> list[int]:
        return [axis for axis in range(len(self)) if self.varies(axis)]


@dataclass(frozen=True)
class LayerNode:
    """One layer: its names, its LayerParameter, its parameters as arrays, the shapes of its bottoms and tops.

    ``layer`` is the net's own, with what its setup has read.
    """

    layer: Any
    bottoms: list[str]
    tops: list[str]
    bottom_shapes: list[Shape]
    top_shapes: list[Shape]
    position: int

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def type(self) -> str:
        return self.layer.type

    @property
    def param(self) -> Any:
        return self.layer.param

    @property
    def blobs(self) -> list[np.ndarray]:
        return [blob.data for blob in self.layer.blobs]

    @property
    def is_inserted_split(self) -> bool:
        """Whether the net itself put it in, for a blob that several layers use."""
        return self.type == "Split" and self.tops == [f"{self.name}_{k}" for k in range(len(self.tops))]


@dataclass(frozen=True)
class Subgraph:
    """The layers that the ``outputs`` need, in the net's order, and the input blobs that these read."""

    net: Net
    layer_nodes: list[LayerNode]
    inputs: dict[str, Shape]
    outputs: list[str]

    def shape(self, blob: str) -> Shape:
        return next(s.top_shapes[s.tops.index(blob)] for s in reversed(self.layer_nodes) if blob in s.tops)

    def run(self, arrays: Mapping[str, np.ndarray], blobs: Sequence[str]) -> dict[str, np.ndarray]:
        """The net's own values of ``blobs`` for inputs of any size that it takes."""
        with resized(self.net, {name: array.shape for name, array in arrays.items()}):
            for name, array in arrays.items():
                self.net.blobs[name].data[...] = array
            self.net._forward(0, self.layer_nodes[-1].position)
            return {name: self.net.blobs[name].data.copy() for name in blobs}


def read(net: Net, outputs: Sequence[str] | None, other_sizes: Mapping[str, Sizes]) -> Subgraph:
    """The layers that ``outputs`` (default: the net's own) need, with their shapes for inputs of ``other_sizes`` too.

    CaffeError: a net of the TRAIN phase, an unknown output, no Input layer, or a layer that cannot follow another size.
    """
    if net.phase != caffe_pb2.TEST:
        raise CaffeError("export: the net is in the TRAIN phase; open it with caffe.TEST")
    wanted = list(outputs) if outputs else list(net.outputs)
    for name in wanted:
        if name not in net.blobs:
            raise CaffeError(f"export: the net has no blob {name!r}; it has {', '.join(net.blobs)}")
        if name in net.inputs:
            raise CaffeError(f"export: {name!r} is an input of the net, not an output")
    with resized(net, other_sizes):
        others = {name: blob.shape for name, blob in net.blobs.items()}
    needed, layer_nodes = set(wanted), []
    for layer_node in reversed(list(_layer_nodes(net, others))):
        if needed & set(layer_node.tops):
            needed |= set(layer_node.bottoms)
            layer_nodes.append(layer_node)
    layer_nodes.reverse()
    inputs = {
        t: s
        for layer_node in layer_nodes
        if layer_node.type == "Input"
        for t, s in zip(layer_node.tops, layer_node.top_shapes)
        if t in needed
    }
    if not inputs:
        readers = [
            f"{layer_node.name!r} ({layer_node.type})" for layer_node in layer_nodes if layer_node.type in READERS
        ]
        advice = f"; its data come from layer {readers[0]}: take its deploy form" if readers else ""
        raise CaffeError(f"export: the net has no Input layer before {', '.join(wanted)}{advice}")
    return Subgraph(net, layer_nodes, inputs, wanted)


def inputs_of(net: Net) -> dict[str, Sizes]:
    """The net's input blobs and their sizes."""
    return {name: net.blobs[name].shape for name in net.inputs}


def _layer_nodes(net: Net, others: Mapping[str, Sizes]) -> Iterator[LayerNode]:
    for i, node in enumerate(net.graph.nodes):
        bottoms, tops = node.bottom_names, node.top_names
        shapes = [[Shape(net.blobs[name].shape, others[name]) for name in names] for names in (bottoms, tops)]
        yield LayerNode(node.layer, list(bottoms), list(tops), shapes[0], shapes[1], i)


@contextmanager
def resized(net: Net, sizes: Mapping[str, Sizes]) -> Iterator[None]:
    """The net with inputs of other sizes; afterwards they, and what they held, are as before.

    CaffeError where a layer cannot follow.
    """
    before = {name: net.blobs[name].data.copy() for name in sizes}
    try:
        for name, size in sizes.items():
            net.blobs[name].reshape(*size)
        try:
            net.reshape()
        except CaffeError as error:
            wanted = ", ".join(f"{name} {tuple(size)}" for name, size in sizes.items())
            raise CaffeError(
                f"export: the net does not take {wanted}: {error}. Fix the batch at its own (--batch N), and leave "
                "height and width as they are"
            ) from None
        yield
    finally:
        for name, array in before.items():
            net.blobs[name].reshape(*array.shape)
            net.blobs[name].data[...] = array
        net.reshape()
