"""The ONNX model of a net: built from the forms of its layers, checked, then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper

import caffe_torch.export.forms  # noqa: F401  (fills the registry)
from caffe_torch.errors import CaffeError
from caffe_torch.export import checking, source
from caffe_torch.export.graph import Graph, LayerGraph
from caffe_torch.export.preprocessing import Preprocessing
from caffe_torch.export.registry import AFTER, FORMS, IMPOSSIBLE, Write
from caffe_torch.export.source import Shape, Sizes, Source, Step
from caffe_torch.files.wire import write_atomically
from caffe_torch.net.net import Net

#: The newest operators that onnxruntime and OpenCV 5 and 4 all read in full.
OPSET, IR_VERSION = 13, 8
#: A protocol buffer holds no more bytes.
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
    """What :func:`caffe_torch.export.onnx` says."""
    sizes, others = _sizes(net, batch, any_size)
    with source.resized(net, sizes):
        exported = source.read(net, outputs, others)
        model = build(exported, preprocessing)
        data = _bytes(model, path)
        worst = checking.check(data, model, exported, preprocessing, inputs)
    write_atomically(path, partial(_put, data))
    return worst


def _put(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def _sizes(net: Net, batch: int | None, any_size: bool) -> tuple[dict[str, Sizes], dict[str, Sizes]]:
    """The sizes of the inputs to export with, and others to see which axes follow them.

    The batch is the first axis of the first input, and of those that are as long.
    """
    inputs = source.inputs_of(net)
    if batch is not None and batch < 1:
        raise CaffeError(f"export: batch {batch}: expected 1 or more")
    first = next((size[0] for size in inputs.values() if size), 0)
    sizes, others = {}, {}
    for name, size in inputs.items():
        batched = bool(size) and size[0] == first
        # A batch of 2 shows what a batch of 1 hides: an axis of 1 is also one that broadcasts.
        now = batch if batch is not None else 2
        own = [now, *size[1:]] if batched else list(size)
        other = [now + 1, *size[1:]] if batched and batch is None else list(own)
        if any_size and len(size) == 4:
            other[2], other[3] = size[2] + 32, size[3] + 64
        sizes[name], others[name] = tuple(own), tuple(other)
    return sizes, others


def build(exported: Source, preprocessing: Preprocessing | None = None) -> onnx.ModelProto:
    """The model of what ``exported`` holds; CaffeError names a layer that cannot be written."""
    graph = Graph(exported.inputs)
    blobs = list(dict.fromkeys(top for step in exported.steps if not step.is_inserted_split for top in step.tops))
    graph.reserve(blobs)
    if preprocessing is not None:
        blob = preprocessing.input(exported.inputs)
        preprocessing.write(graph, blob, exported.inputs[blob])
    for step in exported.steps:
        if step.type != "Input":
            group = LayerGraph(graph, step, [graph.values[name] for name in step.bottoms])
            group.close(_form(step, exported)(group))
    graph.name_values([blob for blob in blobs if blob in graph.values], exported.outputs)
    batch = next(iter(exported.inputs.values()))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            exported.net.name or "net",
            [_value(name, shape, batch) for name, shape in exported.inputs.items()],
            [_value(name, exported.shape(name), batch) for name in exported.outputs],
            list(graph.initializers.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="caffe_torch",
    )
    model.ir_version = IR_VERSION
    return model


def _form(step: Step, exported: Source) -> Write:
    if step.type in FORMS:
        return FORMS[step.type].write
    reason = IMPOSSIBLE.get(step.type, "has no form there")
    before = list(dict.fromkeys(_plain(name, exported) for name in step.bottoms))
    before = [name for name in before if name not in exported.net.inputs]
    advice = f"; what lies before it can be, with --until {','.join(before)} (outputs={before})" if before else ""
    more = AFTER.get(step.type)
    raise CaffeError(
        f"export: layer {step.name!r} ({step.type}) cannot be written as ONNX: it {reason}{advice}"
        + (f"; {more}" if more else "")
    )


def _plain(blob: str, exported: Source) -> str:
    """The blob that the user knows, where the net has put in a Split."""
    return next((s.bottoms[0] for s in exported.steps if s.is_inserted_split and blob in s.tops), blob)


def _value(name: str, shape: Shape, batch: Shape) -> onnx.ValueInfoProto:
    sizes: list[int | str] = list(shape.sizes)
    for axis in shape.varying:
        is_batch = axis == 0 and (shape.sizes[0], shape.others[0]) == (batch.sizes[0], batch.others[0])
        sizes[axis] = "batch" if is_batch else f"{name}_{axis}"
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def _bytes(model: onnx.ModelProto, path: str | Path) -> bytes:
    size = model.ByteSize()
    if size > _LIMIT:
        raise CaffeError(f"{path}: the model has {size / 1e9:.1f} GB; an ONNX file holds 2.1 GB")
    return model.SerializeToString()
