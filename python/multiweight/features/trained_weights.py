"""Which run is trained, and whether a snapshot fits a net: checked first, since Caffe would end the process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.paper import methods


def check_weights(caffe: ModuleType, net: Any, weights: Path, blob: str) -> None:
    """UserError unless the snapshot fits the net: every layer up to ``blob`` is there, and all common shapes are equal.

    The original ends the process on a shape that differs, and passes over layers that are missing.
    """
    snapshot = engine.schema(caffe).NetParameter()
    try:
        snapshot.ParseFromString(weights.read_bytes())
    except Exception as error:  # protobuf's DecodeError has lived in two modules
        raise UserError(f"{weights}: not a .caffemodel ({error})") from None
    stored = {
        layer.name: [blob_shape(parameter) for parameter in layer.blobs]
        for layers in (snapshot.layer, snapshot.layers)
        for layer in layers
        if layer.blobs
    }
    if not stored:
        raise UserError(f"{weights}: holds no weights: expected a .caffemodel that training wrote")
    needed = _layers_before(net, blob)
    for name, params in net.params.items():
        expected = [tuple(param.data.shape) for param in params]
        if name not in stored:
            if name in needed:
                raise UserError(
                    f"{weights}: a snapshot of another net: it has no layer {name!r}, which the deploy has with "
                    f"shapes {_list(expected)}; its layers are {', '.join(stored)}"
                )
            continue
        # Files from before 2014 pad every shape to four axes; Caffe takes those for equal, and so does this.
        if [squeezed(s) for s in stored[name]] != [squeezed(s) for s in expected]:
            raise UserError(
                f"{weights}: a snapshot of another net: layer {name!r} has shapes {_list(stored[name])} there and "
                f"{_list(expected)} in the deploy prototxt: give the weights that were trained with this net"
            )


def _layers_before(net: Any, blob: str) -> set[str]:
    """Names of the layers up to the last that writes ``blob``."""
    names = list(net._layer_names)
    tops = net.top_names
    last = max((i for i, name in enumerate(names) if blob in tops.get(name, ())), default=len(names) - 1)
    return set(names[: last + 1])


def blob_shape(blob: Any) -> tuple[int, ...]:
    """The shape of a BlobProto, in the present or the four-axis form."""
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return (blob.num, blob.channels, blob.height, blob.width)


def squeezed(shape: Sequence[int]) -> list[int]:
    """A shape without leading ones: files from before 2014 pad every shape to four axes."""
    return list(shape)[next((i for i, size in enumerate(shape) if size != 1), len(shape)) :]


def _list(shapes: Sequence[Sequence[int]]) -> str:
    return ", ".join(" x ".join(map(str, shape)) for shape in shapes)


def preferred_run(dataset: Dataset) -> str:
    """The trained run that is meant where none is named (``methods.preferred``); UserError where none is trained."""
    known = dict.fromkeys([*methods.METHODS, *dataset.variants()])
    variant = methods.preferred(name for name in known if dataset.run(name).last_snapshot() is not None)
    if variant is None:
        raise UserError(f"{dataset.root}: no trained run: train one first (make train-multiweight-third)")
    return variant
