"""Weights and solver states: binary, HDF5, and the JSON beside a state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from readers import Reader, register

import caffe_torch as caffe

_NET = """name: "w"
layer { name: "d" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 dim: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 4 } }
layer { name: "bn" type: "BatchNorm" bottom: "fc" top: "bn" }
layer { name: "rnn" type: "Reshape" bottom: "bn" top: "q" reshape_param { shape { dim: 2 dim: 1 dim: 4 } } }
layer { name: "m" type: "DummyData" top: "m" dummy_data_param { shape { dim: 2 dim: 1 } } }
layer { name: "lstm" type: "LSTM" bottom: "q" bottom: "m" top: "h" recurrent_param { num_output: 2 } }
layer { name: "t" type: "Reduction" bottom: "h" top: "t" loss_weight: 1 }
"""
_SOLVER = (
    'net: "net.prototxt" base_lr: 0.1 momentum: 0.9 lr_policy: "fixed" snapshot_prefix: "{0}" snapshot_format: {1}'
)
_solvers: dict[str, Any] = {}


def _solver(kind: str) -> Any:
    """One solver a working directory, whose net and state each input is read into."""
    folder = f"{Path.cwd()}/{kind}"
    if folder not in _solvers:
        Path("net.prototxt").write_text(_NET)
        Path("solver.prototxt").write_text(_SOLVER.format(f"s-{kind}", kind))
        _solvers[folder] = solver = caffe.get_solver("solver.prototxt")
        solver.step(2)
        solver.snapshot()
    return _solvers[folder]


def _snapshot(kind: str, suffix: str, folder: Path) -> Sequence[bytes]:
    _solver(kind)
    return [(folder / f"s-{kind}_iter_2{suffix}").read_bytes()]


def _copy(path: Path) -> None:
    _solver("BINARYPROTO").net.copy_from(str(path))


def _copy_hdf5(path: Path) -> None:
    _solver("HDF5").net.copy_from(str(path))


def _restore(path: Path) -> None:
    _solver("BINARYPROTO").restore(str(path))


def _restore_hdf5(path: Path) -> None:
    _solver("HDF5").restore(str(path))


def _resume(path: Path) -> None:
    path.replace("s-BINARYPROTO_iter_2.resume.0.json")
    solver = _solver("BINARYPROTO")
    solver.restore("s-BINARYPROTO_iter_2.solverstate")
    solver.step(1)


_BINARY, _HDF5 = "BINARYPROTO", "HDF5"
for _name, _kind, _suffix, _read in (
    ("caffemodel", _BINARY, ".caffemodel", _copy),
    ("solverstate", _BINARY, ".solverstate", _restore),
    ("resume-json", _BINARY, ".resume.0.json", _resume),
    ("caffemodel-h5", _HDF5, ".caffemodel.h5", _copy_hdf5),
    ("solverstate-h5", _HDF5, ".solverstate.h5", _restore_hdf5),
):
    _examples = partial(_snapshot, _kind, _suffix)
    register(Reader(_name, _suffix, _examples, _read, (caffe.CaffeError,)))
