"""Snapshots: a .caffemodel and a .solverstate (as protocol buffers or HDF5), and beside them what a resume needs more.

All files are written aside and put on the disk before the first one is shown; the .solverstate is shown last, so that
where it is, its snapshot is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable

import torch

from caffe_torch.errors import CaffeError
from caffe_torch.files import hdf5, native, whole_file, wire
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import distributed, log, ranks
from caffe_torch.solver import resume
from caffe_torch.solver.state import SolverState

#: Iterations have 32 bits.
_LAST = 2**31 - 1

_STATES = (".solverstate.h5", ".solverstate")


@dataclass(frozen=True)
class _File:
    path: Path
    write: Callable[[BinaryIO], None]


def check_prefix(param: Any, source: str) -> None:
    """CaffeError now, not hours into training, where ``snapshot_prefix`` cannot be written to."""
    if not param.snapshot or ranks.rank() != 0:
        return
    probe = Path(native.path(f"{param.snapshot_prefix}_iter_0.{os.getpid()}.tempfile"))
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CaffeError(
            f"{source}: snapshot_prefix {param.snapshot_prefix!r} cannot be written to ({error.strerror})"
        ) from None


def check_names(solver: SolverState) -> None:
    """CaffeError now where HDF5 snapshots of the training net could not be written later."""
    if solver.param.snapshot_format == caffe_pb2.SolverParameter.HDF5:
        graph = solver.net.graph
        hdf5.check_names(graph.name, [(node.name, len(node.layer.blobs)) for node in graph.nodes])


def write(solver: SolverState) -> None:
    """``<snapshot_prefix>_iter_N``: .caffemodel, .solverstate (with .h5 in HDF5), and each process's resume file."""
    base = native.path(f"{solver.param.snapshot_prefix}_iter_{solver.iter}")
    try:
        Path(base).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeError(f"{base}: its folder cannot be made ({error.strerror})") from None
    own = _File(resume.path(base, ranks.rank()), lambda file: resume.write(file, solver))
    if ranks.rank() != 0:
        _show([own])
        distributed.barrier()
        return
    files, name, layers = [own], solver.net.name, solver.net.stored_layers(solver.param.snapshot_diff)
    arrays = [h.cpu().numpy() for history in solver.updates.history for h in history]
    diff = solver.param.snapshot_diff
    if solver.param.snapshot_format == caffe_pb2.SolverParameter.HDF5:
        model, state, kind = f"{base}.caffemodel.h5", f"{base}.solverstate.h5", "HDF5 file"
        files.append(_File(Path(model), lambda file: hdf5.write_net(file, name, layers, diff)))
        write_state = hdf5.write_state
    else:
        model, state, kind = f"{base}.caffemodel", f"{base}.solverstate", "binary proto file"
        files.append(_File(Path(model), lambda file: wire.write_net(file, name, layers)))
        write_state = wire.write_state
    log.info(f"Snapshotting to {kind} {model}")
    files.append(_File(Path(state), lambda file: write_state(file, solver.iter, model, arrays, solver.current_step)))
    log.info(f"Snapshotting solver state to {kind} {state}")
    distributed.barrier()
    _show(files)


def _show(files: Iterable[_File]) -> None:
    """Write all files aside, then give them their names in order."""
    staged: list[tuple[Path, Path]] = []
    try:
        for file in files:
            staged.append((whole_file.stage(file.path, file.write), file.path))
        for partial, path in staged:
            whole_file.show(partial, path)
    finally:
        for partial, path in staged:
            partial.unlink(missing_ok=True)
            whole_file.remove_left(path)
    _sync(staged[-1][1].parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def restore(solver: SolverState, file: str) -> None:
    """Go on from a .solverstate: iteration, history, the weights that it names, and the resume file where there is one.

    Without that file (the original writes none) data and random streams begin anew, as in Caffe.
    """
    if file.endswith((".caffemodel", ".caffemodel.h5")):
        raise CaffeError(f"{file}: is a .caffemodel; a .solverstate is needed to resume (or use --weights)")
    log.info(f"Restoring previous solver status from {file}")
    iteration, weights, current_step, history = _read(native.path(file))
    flat = [(h, i) for h in solver.updates.history for i in range(len(h))]
    if len(flat) != len(history):
        raise CaffeError(f"{file}: holds {len(history)} history blobs, this solver and net have {len(flat)}")
    for (target, i), array in zip(flat, history):
        # Files from before 2014 hold four axes always.
        if array.size != target[i].numel() or _axes(array.shape) != _axes(tuple(target[i].shape)):
            raise CaffeError(
                f"{file}: a history blob has shape {array.shape}, parameter {i} of this net {tuple(target[i].shape)}"
            )
    if weights:
        beside = os.path.join(os.path.dirname(file), os.path.basename(weights))
        if not os.path.exists(weights) and os.path.exists(beside):
            weights = beside  # the two files were moved together
        if not os.path.exists(weights):
            raise CaffeError(f"{file}: names its weights {weights!r}, which are neither there nor beside it")
        solver.net.copy_from(weights)
    for (target, i), array in zip(flat, history):
        target[i] = torch.from_numpy(array.copy()).reshape(target[i].shape)
    solver.iter, solver.current_step = iteration, current_step
    base = next((file[: -len(end)] for end in _STATES if file.endswith(end)), file)
    resume.read(resume.path(base, ranks.rank()), solver)


def _read(file: str) -> wire.State:
    state = hdf5.read_state(file) if os.path.isfile(file) and hdf5.is_hdf5(file) else wire.read_state(file)
    if not 0 <= state.iteration < _LAST or not 0 <= state.current_step < _LAST:
        raise CaffeError(
            f"{file}: is at iteration {state.iteration} and step {state.current_step}: 0 to {_LAST - 1} are expected"
        )
    return state


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its leading ones."""
    return shape[next((i for i, n in enumerate(shape) if n != 1), len(shape)) :]
