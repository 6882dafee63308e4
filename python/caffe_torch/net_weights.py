"""A net's parameters, taken from and given to files and other nets."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Callable

import h5py
import numpy as np

from caffe_torch import log, wire
from caffe_torch.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.layers.base import Layer

if TYPE_CHECKING:
    from caffe_torch.params import Parameter


class NetWeights:
    """pycaffe's copy_from, share_with, save, save_hdf5 and load_hdf5, over what ``Net`` has built."""

    if TYPE_CHECKING:
        name: str
        params: OrderedDict[str, list[Blob]]
        _layers: list[Layer]
        _layer_names: list[str]
        _learnable: list[Parameter]

    def copy_from(self, weights: str | Path) -> None:
        """Take over the parameters of the layers that a .caffemodel or HDF5 file has by the same name.

        Layers that the file lacks keep theirs. ``weights`` may be several files, separated by commas. A different
        number or shape of blobs raises CaffeError with the layer, both shapes and the file.
        """
        whole = str(weights)
        for part in [whole] if os.path.exists(whole) else whole.split(","):
            if os.path.isfile(part) and h5py.is_hdf5(part):
                self.load_hdf5(part)
            else:
                self._copy_arrays(wire.read_net(part), part)

    def _copy_arrays(self, source: dict[str, list[np.ndarray]], where: str) -> None:
        for name, arrays in source.items():
            blobs = self._blobs_of(name)
            if blobs is None:
                continue
            if len(blobs) != len(arrays):
                raise _wrong_count(where, name, len(arrays), len(blobs))
            for j, (blob, array) in enumerate(zip(blobs, arrays)):
                if blob.shape != array.shape and not _same_legacy_shape(blob.shape, array.shape):
                    raise _wrong_shape(where, name, j, array.shape, blob.shape)
                blob.data[...] = array.reshape(blob.shape)

    def _blobs_of(self, name: str) -> Sequence[Blob] | None:
        """The parameters of the layer of this name, None (and a line in the log) where the net has no such layer."""
        if name in self._layer_names:  # of several layers of one name, the first, as in Caffe
            return self._layers[self._layer_names.index(name)].blobs
        log.info(f"Ignoring source layer {name}")
        return None

    def share_with(self, other: NetWeights) -> None:
        """Use the parameters of ``other``'s layers of the same names as this net's own, from now on."""
        for name, blobs in self.params.items():
            if name not in other.params:
                continue
            theirs = other.params[name]
            if len(blobs) != len(theirs):
                raise _wrong_count("the other net", name, len(theirs), len(blobs))
            for j, (mine, their) in enumerate(zip(blobs, theirs)):
                if mine.shape != their.shape:
                    raise _wrong_shape("the other net", name, j, their.shape, mine.shape)
                mine.share_data(their)

    def save(self, filename: str | Path) -> None:
        """Write a .caffemodel, which appears whole or not at all."""
        layers = []
        for layer in self._layers:
            param = type(layer.param)()
            param.CopyFrom(layer.param)
            param.ClearField("blobs")
            layers.append((param, [blob.data for blob in layer.blobs]))
        wire.write_atomically(filename, lambda file: wire.write_net(file, self.name, layers))

    def save_hdf5(self, filename: str | Path, write_diff: bool = False) -> None:
        """Write Caffe's HDF5 form, ``data/<layer>/<index>`` (and ``diff/...``), whole or not at all.

        Parameters that are shared by name are written once, by the layer that owns them.
        """
        owned = {id(parameter.blob) for parameter in self._learnable}

        def write(file: h5py.File) -> None:
            kinds = ("data", "diff") if write_diff else ("data",)
            for kind in kinds:
                file.create_group(kind)
            for name, layer in zip(self._layer_names, self._layers):
                for kind in kinds:
                    group = file[kind].create_group(name)
                    for j, blob in enumerate(layer.blobs):
                        if kind == "diff" or id(blob) in owned:
                            group.create_dataset(str(j), data=getattr(blob, kind))

        wire.write_atomically(filename, lambda file: _write_hdf5(file, write))

    def load_hdf5(self, filename: str | Path) -> None:
        """Take over the parameters of an HDF5 file that ``save_hdf5`` or Caffe wrote; errors as in ``copy_from``."""
        where = str(filename)
        if not os.path.isfile(where):
            raise CaffeError(f"{where}: cannot be read (no such file)")
        owned = {id(parameter.blob) for parameter in self._learnable}
        try:
            with h5py.File(where, "r") as file:
                if "data" not in file:
                    raise CaffeError(f"{where}: has no group `data`: is it a .caffemodel.h5?")
                for name, group in _layer_groups(file["data"]):
                    blobs = self._blobs_of(name)
                    if blobs is None:
                        continue
                    if len(group) > len(blobs):
                        raise _wrong_count(where, name, len(group), len(blobs))
                    for j, blob in enumerate(blobs):
                        if str(j) in group:
                            if group[str(j)].shape != blob.shape:
                                raise _wrong_shape(where, name, j, group[str(j)].shape, blob.shape)
                            blob.data[...] = group[str(j)]
                        elif id(blob) in owned:  # a shared one comes with its owner
                            raise _wrong_count(where, name, len(group), len(blobs))
        except OSError as error:
            raise CaffeError(f"{where}: is no HDF5 file or cut short ({error})") from None


def _write_hdf5(file: BinaryIO, write: Callable[[h5py.File], None]) -> None:
    with h5py.File(file, "w") as hdf5:
        write(hdf5)


def _layer_groups(data: h5py.Group) -> list[tuple[str, h5py.Group]]:
    """(layer name, group) of every group that holds arrays, or nothing; a layer name may have slashes."""
    found: list[tuple[str, h5py.Group]] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and not any(isinstance(child, h5py.Group) for child in item.values()):
            found.append((name, item))

    data.visititems(visit)
    return found


def _wrong_count(where: str, name: str, found: int, here: int) -> CaffeError:
    return CaffeError(f"{where}: layer {name!r} has {found} parameter blob(s), this net's has {here}")


def _wrong_shape(where: str, name: str, index: int, found: tuple[int, ...], here: tuple[int, ...]) -> CaffeError:
    return CaffeError(
        f"{where}: cannot copy parameter {index} of layer {name!r}: its shape there is {found}, "
        f"here {here}; to train it from scratch, rename the layer"
    )


def _same_legacy_shape(shape: tuple[int, ...], found: tuple[int, ...]) -> bool:
    """Old files hold four axes always: (1, 1, 1, n) for a bias of (n,)."""
    return len(found) == 4 and len(shape) < 4 and (1,) * (4 - len(shape)) + shape == found
