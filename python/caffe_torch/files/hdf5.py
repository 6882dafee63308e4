"""Weights and solver states as HDF5, in the layout that Caffe's ``snapshot_format: HDF5`` and ``save_hdf5`` write.

Weights: ``data/<layer>/<i>`` for parameters that own themselves (a shared one is found at its owner), and with diffs
``diff/<layer>/<i>`` for all. Solver state: ``iter``, ``learned_net``, ``current_step`` and ``history/<i>``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.files import hdf5_links, native, wire
from caffe_torch.runtime import free_memory
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import h5py
else:
    h5py = Lazy("h5py")

#: What h5py raises at one damaged place or another.
_DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError, OverflowError)

#: How many values are read at once: HDF5 converts in a buffer as large as what it reads of a sparse dataset.
_PIECE = 1 << 22


def is_hdf5(path: str | Path) -> bool:
    """Whether the file is an HDF5 file, by its content."""
    return bool(h5py.is_hdf5(str(path)))


def write_net(file: BinaryIO, name: str, layers: Sequence[wire.StoredLayer], write_diff: bool = False) -> None:
    """A .caffemodel.h5 of the net ``name`` into an open file: parameters, and their diffs if wanted."""
    check_names(name, [(layer.param.name, len(layer.arrays)) for layer in layers])
    with h5py.File(file, "w") as store:
        data = store.create_group("data")
        diff = store.create_group("diff") if write_diff else None
        for layer in layers:
            group = data.require_group(layer.param.name)
            for i, array in enumerate(layer.arrays):
                if layer.owned[i]:
                    group.create_dataset(str(i), data=array, dtype="<f4")
            if diff is not None:
                group = diff.require_group(layer.param.name)
                for i, array in enumerate(layer.diffs):
                    group.create_dataset(str(i), data=array, dtype="<f4")


def check_names(net: str, layers: Sequence[tuple[str, int]]) -> None:
    """CaffeError where the names of a net's layers do not make a place of its own in an HDF5 file for each layer.

    ``layers`` are (name, number of parameters), in their order.
    """
    names = [name for name, _ in layers]
    binary = "or use a binary .caffemodel (snapshot_format: BINARYPROTO)"
    for name in names:
        where = f"net {net!r}: HDF5 cannot hold the layer name {name!r}"
        if names.count(name) > 1:
            raise CaffeError(f"{where} of {names.count(name)} layers: give each a name of its own, {binary}")
        if {"", "."} & set(name.split("/")) or "\0" in name:
            raise CaffeError(f"{where}: give it another name, {binary}")
    for name, count in layers:
        for i in range(count):
            for other in names:
                if f"{other}/".startswith(f"{name}/{i}/"):
                    raise CaffeError(
                        f"net {net!r}: layer {other!r} and parameter {i} of layer {name!r} have one place in an HDF5 "
                        f"file: rename one of the layers, {binary}"
                    )


@contextmanager
def open_net(path: str | Path) -> Iterator[list[tuple[str, dict[str, h5py.Dataset]]]]:
    """(layer name, its arrays by their index as text) of a .caffemodel.h5, for ``values`` within the ``with``."""
    with opened(path) as store:
        hdf5_links.refuse_any(store, path)
        if not isinstance(store.get("data"), h5py.Group):
            raise CaffeError(f"{path}: has no group `data`: is it a .caffemodel.h5?")
        for name, item in store["data"].items():
            if isinstance(item, h5py.Dataset):
                raise CaffeError(
                    f"{path}: {item.name} holds numbers, a group with the arrays {name}/0, ... is expected"
                )
        yield [
            (name, {key: item for key, item in group.items() if isinstance(item, h5py.Dataset)})
            for name, group in _layer_groups(store["data"])
        ]


def _layer_groups(data: h5py.Group) -> list[tuple[str, h5py.Group]]:
    """(layer name, group) of every group that holds arrays, or nothing; a layer name may have slashes.

    Such a group may hold others too: a layer "a" beside a layer "a/b".
    """
    groups: list[tuple[str, h5py.Group]] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            children = list(item.values())
            if not children or any(isinstance(child, h5py.Dataset) for child in children):
                groups.append((name, item))

    data.visititems(visit)
    return groups


def write_state(file: BinaryIO, iteration: int, learned_net: str, history: list[np.ndarray], current_step: int) -> None:
    """A .solverstate.h5 into an open file."""
    with h5py.File(file, "w") as store:
        store.create_dataset("iter", data=np.array([iteration], "<i4"))
        _write_string(store, "learned_net", learned_net)
        store.create_dataset("current_step", data=np.array([current_step], "<i4"))
        group = store.create_group("history")
        for i, array in enumerate(history):
            group.create_dataset(str(i), data=array, dtype="<f4")


def _write_string(store: h5py.File, name: str, text: str) -> None:
    """A scalar C string of fixed size with its terminator, which is what Caffe's reader relies on."""
    value = os.fsencode(text) + b"\0"
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(len(value))
    kind.set_strpad(h5py.h5t.STR_NULLTERM)
    dataset = h5py.h5d.create(store.id, name.encode(), kind, h5py.h5s.create(h5py.h5s.SCALAR))
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(value, f"S{len(value)}"), mtype=kind)


def read_state(path: str | Path) -> wire.State:
    """A .solverstate.h5."""
    with opened(path) as store:
        hdf5_links.refuse_any(store, path)
        if "iter" not in store or not isinstance(store.get("history"), h5py.Group):
            raise CaffeError(f"{path}: is no .solverstate.h5 (it has no 'iter' or no group 'history')")
        history = store["history"]
        for i in range(len(history)):
            if str(i) not in history:
                raise CaffeError(f"{path}: its history has {len(history)} entries, but none named {i}")
        learned = store["learned_net"][()] if "learned_net" in store else b""
        return wire.State(
            _whole_number(path, store["iter"]),
            os.fsdecode(learned) if isinstance(learned, bytes) else str(learned),
            _whole_number(path, store["current_step"]) if "current_step" in store else 0,
            [values(path, history[str(i)]) for i in range(len(history))],
        )


def _whole_number(path: str | Path, dataset: h5py.Dataset) -> int:
    if dataset.dtype.kind not in "iu" or dataset.size != 1:
        raise CaffeError(f"{path}: {dataset.name} holds {dataset.shape} of {dataset.dtype}, a whole number is expected")
    return int(np.ravel(dataset[()])[0])


def values(path: str | Path, dataset: h5py.Dataset) -> np.ndarray:
    """The numbers of a dataset as float32; CaffeError where it holds others, or more than there is memory for."""
    if dataset.dtype.kind not in "fiu":
        raise CaffeError(f"{path}: {dataset.name} holds {dataset.dtype}, numbers are expected")
    free_memory.require(math.prod(dataset.shape) * 4, f"{path}: {dataset.name} of shape {dataset.shape}")
    result = np.empty(dataset.shape, np.float32)
    if result.size:
        for piece in _pieces(dataset.shape, dataset.chunks or (1,) * dataset.ndim, _PIECE):
            dataset.read_direct(result, piece, piece)
    return result


def _pieces(shape: Sequence[int], chunk: Sequence[int], most: int) -> Iterator[tuple[slice, ...]]:
    """Where the pieces of an array lie: whole chunks, so that none is read twice, and else at most ``most`` values."""
    if not shape:
        yield ()
        return
    step = max(most // max(math.prod(shape[1:]), 1) // chunk[0], 1) * chunk[0]
    for start in range(0, shape[0], step):
        for rest in _pieces(shape[1:], chunk[1:], max(most // step, 1)):
            yield (slice(start, min(start + step, shape[0])), *rest)


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file to read; whatever h5py raises at damaged places becomes CaffeError."""
    path = native.path(path)
    if not os.path.isfile(path):
        raise CaffeError(f"{path}: cannot be read (no such file)")
    try:
        store = h5py.File(path, "r")
    except OSError as error:
        raise CaffeError(f"{path}: is no HDF5 file or cut short ({error})") from None
    with store:
        try:
            yield store
        except CaffeError:
            raise
        except _DAMAGE as error:
            raise CaffeError(f"{path}: is cut short or damaged ({error})") from None
