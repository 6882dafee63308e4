"""Weights inside a network's text: ``layer { ... blobs { shape { dim: 2 } data: 1 data: 2 } }``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import wrong_count, wrong_shape
from caffe_torch.files import wire
from caffe_torch.layers.base import Layer

#: What stands for the file in messages.
_WHERE = "the network's text"


def given(param: Any) -> list[Blob]:
    """The blobs of a LayerParameter, each in its own shape, with its diff where it has one."""
    where = f"{_WHERE}: layer {param.name!r}"
    own_blobs = []
    for proto in param.blobs:
        data = wire.blob_array(proto, where)
        blob = Blob(*data.shape)
        blob.data[...] = data
        diff = proto.double_diff or proto.diff
        if len(diff):
            blob.diff[...] = wire.blob_array(proto, where, np.array(diff, np.float32))
        own_blobs.append(blob)
    return own_blobs


def take(layer: Layer) -> None:
    """Give the parameters of a layer that has been set up the values which its LayerParameter brings.

    As in Caffe they stand in for the filler's, and a layer of a type without parameters keeps what it is given.
    CaffeError where their number or a shape is another than the layer's own.
    """
    blobs = given(layer.param)
    layer.param.ClearField("blobs")
    if not blobs:
        return
    if not layer.blobs:
        layer.blobs.extend(blobs)
        return
    if len(blobs) != len(layer.blobs):
        raise wrong_count(_WHERE, layer.name, len(blobs), len(layer.blobs))
    for i, (own, blob) in enumerate(zip(layer.blobs, blobs)):
        if not fits(own.shape, blob.shape):
            raise wrong_shape(_WHERE, layer.name, i, blob.shape, own.shape)
        own.data[...] = blob.data.reshape(own.shape)
        own.diff[...] = blob.diff.reshape(own.shape)


def fits(shape: Iterable[int], stored: tuple[int, ...]) -> bool:
    """Whether stored values of shape ``stored`` are for a parameter of ``shape``.

    Old files hold four axes always: (1, 1, 1, n) for a bias of (n,).
    """
    shape = tuple(shape)
    return stored == shape or (len(stored) == 4 and len(shape) < 4 and (1,) * (4 - len(shape)) + shape == stored)
