"""Starting a training from a published .caffemodel: layers are filled by name, as far as their shapes agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from multiweight.base import engine, make_variables
from multiweight.base.errors import UserError
from multiweight.features.trained_weights import blob_shape, squeezed


@dataclass(frozen=True)
class Start:
    """Names of the layers that were filled, of those that keep their initial weights, and of those of other shapes."""

    filled: list[str]
    fresh: list[str]
    differ: list[str]

    def describe(self) -> str:
        told = f"{len(self.filled)} layers filled ({_some(self.filled)})"
        if self.fresh:
            told += f"; {len(self.fresh)} start from their fillers ({_some(self.fresh)})"
        if self.differ:
            told += f"; of these, {_some(self.differ)} have other shapes there"
        return told


def fill(caffe: ModuleType, net: Any, weights: Path) -> Start:
    """Copy the blobs of each layer that ``weights`` has under the same name and in the same shapes into ``net``.

    Caffe's own copy ends the process where a shape differs, which every output layer's does: here such a layer keeps
    its initial weights, and the result says so. UserError where the file cannot be read, or fills no layer.
    """
    snapshot = engine.schema(caffe).NetParameter()
    try:
        snapshot.ParseFromString(weights.read_bytes())
    except OSError as error:
        raise UserError(
            f"{weights}: cannot be read ({error.strerror}): {make_variables.named('WEIGHTS')} takes a .caffemodel"
        ) from None
    except Exception as error:  # protobuf's DecodeError has lived in two modules
        raise UserError(f"{weights}: not a .caffemodel ({error})") from None
    stored = {layer.name: layer.blobs for kind in (snapshot.layers, snapshot.layer) for layer in kind if layer.blobs}
    start = Start([], [], [])
    for name, params in net.params.items():
        blobs = stored.get(name)
        if blobs is None:
            start.fresh.append(name)
        elif [squeezed(blob_shape(b)) for b in blobs] != [squeezed(p.data.shape) for p in params]:
            start.fresh.append(name)
            start.differ.append(name)
        else:
            for param, blob in zip(params, blobs):
                values = np.array(blob.double_data or blob.data, np.float32)
                param.data[...] = values.reshape(param.data.shape)
            start.filled.append(name)
    if not start.filled:
        raise UserError(
            f"{weights}: fills no layer of this net: it has {_some(list(stored)) or 'no layer with weights'}, the net "
            f"has {_some(list(net.params))}: take the weights of the same trunk"
        )
    return start


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:3])} ... {names[-1]}"
