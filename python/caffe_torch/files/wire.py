"""Weights on disk: .caffemodel and .solverstate bytes, written and read without going through Python floats.

Protocol buffers are concatenations of tagged fields, so a message is streamed here as its small fields, made by the
schema, followed by each blob's floats as one packed field straight from the array's memory. Files are larger than the
2 GiB that protobuf's own parser takes are read and written alike.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from caffe_torch.errors import CaffeError
from caffe_torch.files import binary_file
from caffe_torch.proto import caffe_pb2

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _header(field: int, length: int) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(length)


def blob_parts(array: np.ndarray, diff: np.ndarray | None = None) -> list[bytes | memoryview]:
    """A BlobProto of ``array`` (any shape, stored as float32) in pieces ready to be written; with its diff if given."""
    parts: list[bytes | memoryview] = [
        caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=array.shape)).SerializeToString()
    ]
    numbers = (caffe_pb2.BlobProto.DATA_FIELD_NUMBER, caffe_pb2.BlobProto.DIFF_FIELD_NUMBER)
    for number, values in zip(numbers, (array, diff)):
        if values is not None and values.size:
            flat = np.ascontiguousarray(values, dtype="<f4").reshape(-1)
            parts += [_header(number, flat.nbytes), flat.view(np.uint8).data]
    return parts


def nested(field: int, parts: list[bytes | memoryview]) -> list[bytes | memoryview]:
    """``parts`` as one embedded message under ``field``."""
    return [_header(field, sum(len(p) for p in parts)), *parts]


def fields(data: memoryview, source: str) -> Iterator[tuple[int, int, Any]]:
    """(field number, wire type, value) of a message: integers, or memoryviews of bytes; CaffeError when cut short."""
    at, end = 0, len(data)

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= end or shift > 63:
                raise CaffeError(f"{source}: cut short or not a Caffe binary file (at byte {at} of {end})")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < end:
        key = varint()
        field, kind = key >> 3, key & 7
        if field == 0 or kind not in (_VARINT, _FIXED64, _BYTES, _FIXED32):
            raise CaffeError(f"{source}: not a Caffe binary file (unexpected tag {key} before byte {at} of {end})")
        if kind == _VARINT:
            yield field, kind, varint()
            continue
        length = varint() if kind == _BYTES else 8 if kind == _FIXED64 else 4
        if at + length > end:
            raise CaffeError(f"{source}: cut short: {length} bytes are announced at byte {at}, {end - at} are left")
        yield field, kind, data[at : at + length]
        at += length


def read_blob(data: memoryview, source: str) -> np.ndarray:
    """The array of a serialized BlobProto: float32, in its shape (the old four-axis form included)."""
    packed: list[memoryview] = []
    rest = bytearray()
    for field, kind, value in fields(data, source):
        if field == caffe_pb2.BlobProto.DATA_FIELD_NUMBER and kind == _BYTES:
            packed.append(value)
        elif field == caffe_pb2.BlobProto.DIFF_FIELD_NUMBER:
            continue
        elif kind == _VARINT:
            rest += _varint(field << 3 | kind) + _varint(value)
        else:
            rest += _varint(field << 3 | kind) + (_varint(len(value)) if kind == _BYTES else b"") + bytes(value)
    proto = caffe_pb2.BlobProto()
    try:
        proto.ParseFromString(bytes(rest))
    except DecodeError as error:
        raise CaffeError(f"{source}: holds a broken blob ({error})") from None
    if any(len(p) % 4 for p in packed):
        raise CaffeError(f"{source}: holds a blob whose data is no whole number of floats")
    stored = np.concatenate([np.frombuffer(p, dtype="<f4") for p in packed]) if packed else None
    return blob_array(proto, source, stored)


def blob_array(proto: Any, source: str, stored: np.ndarray | None = None) -> np.ndarray:
    """The array of a BlobProto message, as ``read_blob``; ``stored`` are its values where they were read apart."""
    values = np.array(proto.double_data or proto.data, dtype=np.float32) if stored is None else stored
    if proto.HasField("shape"):
        shape = tuple(proto.shape.dim)
    elif any(proto.HasField(n) for n in ("num", "channels", "height", "width")):
        shape = (proto.num, proto.channels, proto.height, proto.width)
    else:
        shape = (values.size,)
    # Python's whole numbers: a product of 64 bits may overflow to the very number of values.
    if min(shape, default=0) < 0 or math.prod(shape) != values.size:
        raise CaffeError(f"{source}: a blob of shape {shape} holds {values.size} values")
    return values.reshape(shape)


class StoredLayer(NamedTuple):
    """A layer of a file of weights: its LayerParameter without blobs, its parameters, and their diffs or none."""

    param: Any
    arrays: list[np.ndarray]
    diffs: Sequence[np.ndarray] = ()
    #: A flag a parameter, False where it is another layer's; HDF5 files hold it there alone.
    owned: Sequence[bool] = ()


def write_net(file: BinaryIO, name: str, layers: list[StoredLayer]) -> None:
    """A .caffemodel."""
    file.write(caffe_pb2.NetParameter(name=name).SerializeToString())
    for layer in layers:
        parts: list[bytes | memoryview] = [layer.param.SerializeToString()]
        for i, array in enumerate(layer.arrays):
            blob = blob_parts(array, layer.diffs[i] if layer.diffs else None)
            parts += nested(caffe_pb2.LayerParameter.BLOBS_FIELD_NUMBER, blob)
        for piece in nested(caffe_pb2.NetParameter.LAYER_FIELD_NUMBER, parts):
            file.write(piece)


def read_net(path: str | Path) -> dict[str, list[np.ndarray]]:
    """Layer name -> arrays of its parameters (none for most types), of a .caffemodel."""
    return dict(read_layers(path))


def read_layers(path: str | Path) -> list[tuple[str, list[np.ndarray]]]:
    """(layer name, arrays of its parameters), in the file's order, of a .caffemodel; the V1 and V0 formats too.

    Layers without parameters are there with no arrays; several layers may have one name, or none.
    """
    layer, v1, v0 = caffe_pb2.LayerParameter, caffe_pb2.V1LayerParameter, caffe_pb2.V0LayerParameter
    today = (layer.NAME_FIELD_NUMBER, layer.BLOBS_FIELD_NUMBER)
    old = (v1.NAME_FIELD_NUMBER, v1.BLOBS_FIELD_NUMBER)
    oldest = (v0.NAME_FIELD_NUMBER, v0.BLOBS_FIELD_NUMBER)
    layers: list[tuple[str, list[np.ndarray]]] = []
    for field, kind, value in fields(memoryview(binary_file.read(path, "a .caffemodel")), str(path)):
        if kind == _VARINT and field == caffe_pb2.SolverState.ITER_FIELD_NUMBER:  # a net's first field is its name
            raise CaffeError(f"{path}: a .caffemodel is expected, this is a .solverstate or a mean (.binaryproto)")
        if kind != _BYTES:
            continue
        if field == caffe_pb2.NetParameter.LAYER_FIELD_NUMBER:
            name, arrays = _read_layer(value, today, str(path))
        elif field == caffe_pb2.NetParameter.LAYERS_FIELD_NUMBER:
            name, arrays = _read_layer(value, old, str(path))
            for inner, inner_kind, item in fields(value, str(path)):
                if inner == v1.LAYER_FIELD_NUMBER and inner_kind == _BYTES:
                    name, arrays = _read_layer(item, oldest, str(path))
        else:
            continue
        layers.append((name, arrays))
    if not any(arrays for _, arrays in layers):
        raise CaffeError(f"{path}: holds no layer with parameters: is it a .caffemodel?")
    return layers


def _read_layer(data: memoryview, places: tuple[int, int], source: str) -> tuple[str, list[np.ndarray]]:
    name, arrays = "", []
    for field, kind, value in fields(data, source):
        if kind == _BYTES and field == places[0]:
            name = bytes(value).decode("utf-8", "replace")
        elif kind == _BYTES and field == places[1]:
            arrays.append(read_blob(value, f"{source}: layer {name!r}"))
    return name, arrays


class State(NamedTuple):
    """A .solverstate: iteration, the path of its .caffemodel, the step of the learning rate, the solver's history."""

    iteration: int
    learned_net: str
    current_step: int
    history: list[np.ndarray]


def write_state(file: BinaryIO, iteration: int, learned_net: str, history: list[np.ndarray], current_step: int) -> None:
    """A .solverstate; the path in it may be of any encoding."""
    file.write(caffe_pb2.SolverState(iter=iteration, current_step=current_step).SerializeToString())
    name = os.fsencode(learned_net)
    file.write(_header(caffe_pb2.SolverState.LEARNED_NET_FIELD_NUMBER, len(name)) + name)
    for array in history:
        for piece in nested(caffe_pb2.SolverState.HISTORY_FIELD_NUMBER, blob_parts(array)):
            file.write(piece)


def read_state(path: str | Path) -> State:
    """A .solverstate."""
    history: list[np.ndarray] = []
    numbers: dict[int, int] = {caffe_pb2.SolverState.CURRENT_STEP_FIELD_NUMBER: 0}
    learned_net = None
    for field, kind, value in fields(memoryview(binary_file.read(path, "a .solverstate")), str(path)):
        if field == caffe_pb2.SolverState.HISTORY_FIELD_NUMBER and kind == _BYTES:
            history.append(read_blob(value, f"{path}: history {len(history)}"))
        elif field == caffe_pb2.SolverState.LEARNED_NET_FIELD_NUMBER and kind == _BYTES:
            learned_net = os.fsdecode(bytes(value))
        elif kind == _VARINT:
            numbers[field] = (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000  # int32
    iteration = numbers.get(caffe_pb2.SolverState.ITER_FIELD_NUMBER)
    if iteration is None or learned_net is None:
        raise CaffeError(f"{path}: is no .solverstate (it names no iteration or no .caffemodel)")
    return State(iteration, learned_net, numbers[caffe_pb2.SolverState.CURRENT_STEP_FIELD_NUMBER], history)
