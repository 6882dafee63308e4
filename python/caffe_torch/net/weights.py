"""A net's parameters, taken from and given to files and other nets."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError, wrong_count, wrong_shape
from caffe_torch.files import hdf5, native, whole_file, wire
from caffe_torch.layers import inline_weights
from caffe_torch.net.graph import Graph
from caffe_torch.runtime import log


class NetWeights:
    """pycaffe's copy_from, share_with, save, save_hdf5 and load_hdf5, over the graph."""

    graph: Graph
    name: str
    params: OrderedDict[str, list[Blob]]

    def copy_from(self, weights: str | bytes | Path) -> None:
        """Take over the parameters of the layers that a .caffemodel or HDF5 file has by the same name.

        Layers that the file lacks keep theirs. ``weights`` may be several files, separated by commas. A different
        number or shape of blobs raises CaffeError with the layer, both shapes and the file.
        """
        whole = native.path(weights)
        parts = [whole] if os.path.exists(whole) else whole.split(",")
        if not all(map(str.strip, parts)):
            raise empty_name(whole)
        for part in parts:
            if os.path.isfile(part) and hdf5.is_hdf5(part):
                self.load_hdf5(part)
            else:
                self._copy_arrays(wire.read_layers(part), part)

    def _copy_arrays(self, source: list[tuple[str, list[np.ndarray]]], where: str) -> None:
        _warn_of_nonfinite(where, ((name, array) for name, arrays in source for array in arrays))
        for name, arrays in source:
            blobs = self._blobs_of(name)
            if blobs is None:
                continue
            if len(blobs) != len(arrays):
                raise wrong_count(where, name, len(arrays), len(blobs), self.graph.count(name))
            for j, (blob, array) in enumerate(zip(blobs, arrays)):
                if not inline_weights.fits(blob.shape, array.shape):
                    raise wrong_shape(where, name, j, array.shape, blob.shape)
                blob.data[...] = array.reshape(blob.shape)

    def _warn_of_namesakes(self) -> None:
        """Of several layers of one name, files and other nets give their values to the first alone, as in Caffe."""
        seen: set[str] = set()
        for node in self.graph.nodes:
            if node.name in seen and node.layer.blobs:
                log.warning(
                    f"net {self.name!r}: several layers are called {node.name!r}: weights that it takes from files or "
                    "other nets go to the first of them alone, as in Caffe; give each a name of its own"
                )
                return
            seen.add(node.name)

    def _blobs_of(self, name: str) -> Sequence[Blob] | None:
        """The parameters of the layer of this name, None (and a line in the log) where the net has no such layer."""
        node = self.graph.find(name)
        if node is None:
            log.info(f"Ignoring source layer {name}")
            return None
        return node.layer.blobs

    def share_with(self, other: NetWeights) -> None:
        """Use the parameters of ``other``'s layers of the same names as this net's own, from now on."""
        for node in other.graph.nodes:
            name, theirs, blobs = node.name, node.layer.blobs, self._blobs_of(node.name)
            if blobs is None:
                continue
            if len(blobs) != len(theirs):
                raise wrong_count("the other net", name, len(theirs), len(blobs), self.graph.count(name))
            for j, (mine, their) in enumerate(zip(blobs, theirs)):
                if mine.shape != their.shape:
                    raise wrong_shape("the other net", name, j, their.shape, mine.shape)
                mine.share_data(their)

    def save(self, filename: str | bytes | Path) -> None:
        """Write a .caffemodel, which appears whole or not at all."""
        whole_file.write(os.fsdecode(filename), lambda file: wire.write_net(file, self.name, self.stored_layers()))

    def stored_layers(self, diff: bool = False) -> list[wire.StoredLayer]:
        """What a file of weights holds of each layer, with the parameters' diffs if wanted."""
        owned = self._owned()
        stored = []
        for node in self.graph.nodes:
            layer = node.layer
            param = type(layer.param)()
            param.CopyFrom(layer.param)
            param.ClearField("blobs")
            arrays, diffs = [blob.data for blob in layer.blobs], [blob.diff for blob in layer.blobs] if diff else []
            stored.append(wire.StoredLayer(param, arrays, diffs, [id(blob) in owned for blob in layer.blobs]))
        return stored

    def _owned(self) -> set[int]:
        """The ids of the parameters that are not shared from another layer."""
        return {id(parameter.blob) for parameter in self.graph.learnable}

    def save_hdf5(self, filename: str | bytes | Path, write_diff: bool = False) -> None:
        """Write Caffe's HDF5 form, ``data/<layer>/<index>`` (and ``diff/...``), whole or not at all.

        Parameters that are shared by name are written once, by the layer that owns them.
        """
        layers = self.stored_layers(write_diff)
        whole_file.write(os.fsdecode(filename), lambda file: hdf5.write_net(file, self.name, layers, write_diff))

    def load_hdf5(self, filename: str | bytes | Path) -> None:
        """Take over the parameters of an HDF5 file that ``save_hdf5`` or Caffe wrote; errors as in ``copy_from``."""
        owned, path = self._owned(), os.fsdecode(filename)
        with hdf5.open_net(path) as layers:
            taken: list[tuple[str, np.ndarray]] = []
            for name, stored in layers:
                self._refuse_group_for_array(path, name)
                blobs = self._blobs_of(name)
                if blobs is None:
                    continue
                if len(stored) > len(blobs):
                    raise wrong_count(path, name, len(stored), len(blobs), self.graph.count(name))
                for i, blob in enumerate(blobs):
                    dataset = stored.get(str(i))
                    if dataset is not None:
                        if dataset.shape != blob.shape:
                            raise wrong_shape(path, name, i, dataset.shape, blob.shape)
                        blob.data[...] = hdf5.values(path, dataset)
                        taken.append((name, blob.data))
                    elif id(blob) in owned:  # a shared one comes with its owner
                        if len(stored) == len(blobs):
                            raise CaffeError(f"{path}: layer {name!r} has no array named {i}, but {', '.join(stored)}")
                        raise wrong_count(path, name, len(stored), len(blobs), self.graph.count(name))
            _warn_of_nonfinite(path, taken)

    def _refuse_group_for_array(self, path: str, name: str) -> None:
        """CaffeError where a group of an HDF5 file stands in the place of a parameter of this net."""
        parts = name.split("/")
        for i in range(1, len(parts)):
            node = self.graph.find("/".join(parts[:i]))
            if node is None or self.graph.find(name) is not None:
                continue
            if parts[i] in map(str, range(len(node.layer.blobs))):
                place = "/".join(["/data", *parts[: i + 1]])
                raise CaffeError(f"{path}: {place} is a group, an array of the layer {node.name!r} is expected there")


def empty_name(names: str) -> CaffeError:
    """The error for a list of weights files, as it was given, of which one has no name."""
    return CaffeError(f"weights {names!r}: a file name is empty: give one or more, separated by single commas")


def _warn_of_nonfinite(where: str, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """One line in the log where weights hold NaN or infinity; they are taken as they are, as in Caffe."""
    bad = list(dict.fromkeys(name for name, array in arrays if not np.isfinite(array).all()))
    if bad:
        more = f" and {len(bad) - 1} more layer(s)" if len(bad) > 1 else ""
        log.warning(f"{where}: the weights of layer {bad[0]!r}{more} hold NaN or infinity: did its training diverge?")
