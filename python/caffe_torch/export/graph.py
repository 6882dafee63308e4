"""The ONNX graph while it is built: nodes of each layer, values under the blobs' names, parameters as initializers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from caffe_torch.errors import CaffeError
from caffe_torch.export.subgraph import LayerNode, Shape

#: An end that lies behind every axis, for Slice.
END = np.iinfo(np.int64).max


class Graph:
    """Nodes and initializers; ``values`` says which value each blob has after the layers written so far."""

    def __init__(self, inputs: Iterable[str]):
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self.inputs = set(inputs)
        self.values: dict[str, str] = {name: name for name in self.inputs}
        self.node_names: set[str] = set()
        self._taken = set(self.inputs)
        self._parameters: dict[tuple[Any, ...], str] = {}

    def unique(self, name: str) -> str:
        """``name``, with a number where it is taken."""
        candidate, number = name, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names, the blobs', from being given to other values."""
        self._taken.update(names)

    def initializer(self, name: str, array: np.ndarray) -> str:
        name = self.unique(name)
        self.initializers[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def add(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """A node of no layer."""
        name = self.unique(name)
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def parameter(self, name: str, array: np.ndarray) -> str:
        """An initializer; parameters that layers share by name are written once."""
        key = (array.__array_interface__["data"][0], array.shape, array.strides)
        if key not in self._parameters:
            self._parameters[key] = self.initializer(name, array)
        return self._parameters[key]

    def name_values(self, blobs: Iterable[str], outputs: Sequence[str]) -> None:
        """Give the last value of every blob the blob's name; a value of two blobs is copied by an Identity."""
        renamed: dict[str, str] = {}
        copies = []
        for blob in blobs:
            value = self.values[blob]
            if blob in self.inputs:
                continue  # the name stays with the model's input, whatever becomes of it
            if value in self.initializers or value in self.inputs or value in renamed:
                if blob in outputs or value not in self.initializers:
                    copies.append((value, blob))
            else:
                renamed[value] = blob
        for node in self.nodes:
            for field in (node.input, node.output):
                for k, name in enumerate(field):
                    field[k] = renamed.get(name, name)
        for value, blob in copies:
            self.nodes.append(helper.make_node("Identity", [renamed.get(value, value)], [blob], name=blob))


class LayerGraph:
    """The ONNX nodes of one layer, while its converter adds them; ``inputs`` are the names of its bottoms' values."""

    def __init__(self, graph: Graph, layer_node: LayerNode, inputs: Sequence[str]):
        self.graph, self.layer_node, self.inputs = graph, layer_node, list(inputs)
        self.bottoms, self.tops = layer_node.bottom_shapes, layer_node.top_shapes
        self.param: Any = layer_node.param
        self.layer: Any = layer_node.layer
        self._nodes: list[NodeProto] = []

    def fail(self, message: str) -> CaffeError:
        return CaffeError(f"export: layer {self.layer_node.name!r} ({self.layer_node.type}) {message}")

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, whose name it returns."""
        return self.nodes(op, *inputs, outputs=1, **attributes)[0]

    def nodes(self, op: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """A node with several outputs."""
        names = [self.graph.unique(f"{self.layer_node.name}/{op}") for _ in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A constant of the layer; float32, or int64 where told."""
        return self.graph.initializer(f"{self.layer_node.name}/constant", np.asarray(value, dtype))

    def indices(self, *values: int) -> str:
        """A list of axes, sizes or positions."""
        return self.constant(values, np.int64)

    def blob(self, index: int, shape: Sequence[int] | None = None) -> str:
        """The layer's parameter ``index``, in another shape if wanted."""
        array = self.layer_node.blobs[index]
        array = array if shape is None else array.reshape(tuple(shape))
        return self.graph.parameter(f"{self.layer_node.name}/{index}", array)

    def require_fixed(self, shape: Shape, *axes: int) -> None:
        """CaffeError where one of these axes follows the size of the inputs."""
        for axis in axes:
            if shape.varies(axis):
                raise self.fail(
                    f"needs axis {axis} of its bottom fixed: export with a fixed batch (--batch N) and without any_size"
                )

    def reshape(self, x: str, old: Shape, new: Shape) -> str:
        """``x`` of shape ``old`` as ``new``; sizes that follow the inputs are kept from ``old`` or worked out."""
        if old.sizes == new.sizes and old.others == new.others:
            return x
        target = []
        for axis in range(len(new)):
            kept = axis < len(old) and (old.sizes[axis], old.others[axis]) == (new.sizes[axis], new.others[axis])
            target.append((0 if kept else -1) if new.varies(axis) else new[axis])
        if target.count(-1) > 1:
            raise self.fail("changes several sizes that follow the inputs: export with fixed height and width")
        if not new.varying and old.varying:
            raise self.fail("has a fixed top from a bottom that follows the inputs: export with a fixed batch")
        return self.node("Reshape", x, self.indices(*target))

    def scaled(self, x: str, factor: float) -> str:
        """``x`` times a number, ``x`` itself where that is 1."""
        return x if factor == 1 else self.node("Mul", x, self.constant(factor))

    def shifted(self, x: str, summand: float) -> str:
        return x if summand == 0 else self.node("Add", x, self.constant(summand))

    def slice(self, x: str, axis: int, start: int, end: int = END, stride: int = 1) -> str:
        """Part of one axis."""
        limits = [self.indices(value) for value in (start, end, axis, stride)]
        return self.node("Slice", x, *limits)

    def as_int(self, x: str) -> str:
        """``x``, float32 as every blob, as int64: labels and indices."""
        return self.node("Cast", x, to=TensorProto.INT64)

    def as_float(self, x: str) -> str:
        return self.node("Cast", x, to=TensorProto.FLOAT)

    def close(self, tops: Sequence[str]) -> None:
        """Hand the nodes over: named after the layer, a single one by its name alone."""
        count: dict[str, int] = {}
        for node in self._nodes:
            number = count[node.op_type] = count.get(node.op_type, 0) + 1
            extra = f"/{node.op_type}" + (f"_{number}" if number > 1 else "")
            name = self.layer_node.name if len(self._nodes) == 1 else self.layer_node.name + extra
            # Two layers of a net may have one name, two nodes may not.
            node.name = name if name not in self.graph.node_names else f"{name}#{len(self.graph.node_names)}"
            self.graph.node_names.add(node.name)
        self.graph.nodes.extend(self._nodes)
        for top, value in zip(self.layer_node.tops, tops):
            self.graph.values[top] = value
