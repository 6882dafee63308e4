"""The ONNX model of a net: built by the converters of its layers, checked, then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import caffe_torch.export.converters  # noqa: F401  (fills the registry)
from caffe_torch.errors import CaffeError
from caffe_torch.export import checking, subgraph
from caffe_torch.export.graph import Graph, LayerGraph
from caffe_torch.export.preprocessing import Preprocessing
from caffe_torch.export.registry import CONVERTERS, HINTS, UNSUPPORTED, Convert
from caffe_torch.export.subgraph import LayerNode, Shape, Sizes, Subgraph
from caffe_torch.files import whole_file
from caffe_torch.net.net import Net

#: The newest opset whose operators, as far as they are used here, OpenCV 4, OpenCV 5 and onnxruntime all support.
OPSET, IR_VERSION = 13, 8
#: Bytes: protobuf writes no larger message.
_LIMIT = 2**31 - 1


def write(
    net: Net,
    path: str | Path,
    outputs: Sequence[str] | None,
    batch: int | None,
    any_size: bool,
    preprocessing: Preprocessing | None,
    inputs: Mapping[str, np.ndarray] | None,
) -> checking.Deviation:
    """Write the model to ``path``; arguments, result and errors are those of :func:`caffe_torch.export.onnx`."""
    sizes, others = _sizes(net, batch, any_size)
    with subgraph.resized(net, sizes):
        exported = subgraph.read(net, outputs, others)
        model = build(exported, preprocessing)
        data = _bytes(model, path)
        worst = checking.check(data, model, exported, preprocessing, inputs)
    whole_file.write_bytes(path, data)
    return worst


def _sizes(net: Net, batch: int | None, any_size: bool) -> tuple[dict[str, Sizes], dict[str, Sizes]]:
    """Two sets of input shapes, by blob: an axis that differs between them becomes dynamic in the model.

    The batch axis is the first axis of the first input, and of every input with as many items.
    """
    inputs = subgraph.inputs_of(net)
    if batch is not None and batch < 1:
        raise CaffeError(f"export: batch {batch}: expected 1 or more")
    first = next((size[0] for size in inputs.values() if size), 0)
    sizes, others = {}, {}
    for name, size in inputs.items():
        batched = bool(size) and size[0] == first
        # With a batch of 1 a missing batch axis would broadcast, and go unnoticed.
        batch_size = batch if batch is not None else 2
        shape = [batch_size, *size[1:]] if batched else list(size)
        other = [batch_size + 1, *size[1:]] if batched and batch is None else list(shape)
        if any_size and len(size) == 4:
            # Different steps, so that height and width are not taken for one another; both divide by common strides.
            other[2], other[3] = size[2] + 32, size[3] + 64
        sizes[name], others[name] = tuple(shape), tuple(other)
    return sizes, others


def build(exported: Subgraph, preprocessing: Preprocessing | None = None) -> onnx.ModelProto:
    """The model of the subgraph; CaffeError names a layer that cannot be exported."""
    graph = Graph(exported.inputs)
    blobs = list(
        dict.fromkeys(
            top for layer_node in exported.layer_nodes if not layer_node.is_inserted_split for top in layer_node.tops
        )
    )
    graph.reserve(blobs)
    if preprocessing is not None:
        blob = preprocessing.input(exported.inputs)
        preprocessing.write(graph, blob, exported.inputs[blob])
    for layer_node in exported.layer_nodes:
        if layer_node.type != "Input":
            layer_graph = LayerGraph(graph, layer_node, [graph.values[name] for name in layer_node.bottoms])
            layer_graph.close(_converter(layer_node, exported)(layer_graph))
    graph.name_values([blob for blob in blobs if blob in graph.values], exported.outputs)
    first_input = next(iter(exported.inputs.values()))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            exported.net.name or "net",
            [_value(name, shape, first_input) for name, shape in exported.inputs.items()],
            [_value(name, exported.shape(name), first_input) for name in exported.outputs],
            list(graph.initializers.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="caffe_torch",
    )
    model.ir_version = IR_VERSION
    return model


def _converter(layer_node: LayerNode, exported: Subgraph) -> Convert:
    if layer_node.type in CONVERTERS:
        return CONVERTERS[layer_node.type].convert
    reason = UNSUPPORTED.get(layer_node.type, "is not supported by the ONNX export")
    before = list(dict.fromkeys(_before_split(name, exported) for name in layer_node.bottoms))
    before = [name for name in before if name not in exported.net.inputs]
    advice = (
        f"; export the net up to its inputs: --until {','.join(before)} (in Python: outputs={before})" if before else ""
    )
    hint = HINTS.get(layer_node.type)
    raise CaffeError(
        f"export: layer {layer_node.name!r} ({layer_node.type}) cannot be exported to ONNX: it {reason}{advice}"
        + (f"; {hint}" if hint else "")
    )


def _before_split(blob: str, exported: Subgraph) -> str:
    """The blob of the prototxt, where ``blob`` is a copy made by a Split that the net inserted."""
    return next((s.bottoms[0] for s in exported.layer_nodes if s.is_inserted_split and blob in s.tops), blob)


def _value(name: str, shape: Shape, first_input: Shape) -> onnx.ValueInfoProto:
    """Name and shape of an input or output; a dynamic axis is called ``batch``, or ``<blob>_<axis>``."""
    sizes: list[int | str] = list(shape.sizes)
    for axis in shape.varying:
        is_batch = axis == 0 and (shape.sizes[0], shape.others[0]) == (first_input.sizes[0], first_input.others[0])
        sizes[axis] = "batch" if is_batch else f"{name}_{axis}"
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def _bytes(model: onnx.ModelProto, path: str | Path) -> bytes:
    size = model.ByteSize()
    if size > _LIMIT:
        raise CaffeError(
            f"{path}: the model has {size / 1e9:.1f} GB, an ONNX file holds at most 2.1 GB (protobuf): "
            "export fewer layers, up to an earlier blob"
        )
    return model.SerializeToString()
