"""The file beside a .solverstate that a resume without loss needs: random streams and each layer's state.

JSON; arrays in it are {"dtype", "shape", "base64"}. Every process has its own, ``<snapshot>.resume.<rank>.json``.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.runtime import log, ranks, rng
from caffe_torch.solver.state import SolverState

_FORMAT = 1


def path(base: str, rank: int) -> Path:
    """The file of process ``rank`` for the snapshot ``base`` (its name without ``.solverstate``)."""
    return Path(f"{base}.resume.{rank}.json")


def write(file: BinaryIO, solver: SolverState) -> None:
    content = {
        "format": _FORMAT,
        "iter": solver.iter,
        "processes": ranks.world_size(),
        "weights_crc32": _checksum(solver),
        "random": _plain(rng.state()),
        "nets": [[[node.name, _plain(node.layer.state_dict())] for node in net.graph.nodes] for net in _nets(solver)],
    }
    try:
        file.write(json.dumps(content).encode())
    except (TypeError, ValueError) as error:
        raise CaffeError(f"the state of a Python layer must be JSON values and NumPy arrays ({error})") from None


def read(file: Path, solver: SolverState) -> None:
    """Put the streams and layers of ``solver`` where they were; a file that does not fit is said and left alone."""
    if not file.exists():
        log.info(f"{file}: is not there: the data begins at its first record, random streams anew, as in Caffe")
        return
    try:
        content = json.loads(file.read_bytes())
        nets = [[(name, _arrays(state)) for name, state in net] for net in content["nets"]]
        reason = _unfit(content, nets, solver)
        if reason:
            log.warning(f"{file}: {reason}: the data begins at its first record, random streams anew, as in Caffe")
            return
        for net, states in zip(_nets(solver), nets):
            for node, (_, state) in zip(net.graph.nodes, states):
                if state:
                    node.layer.load_state_dict(state)
        rng.set_state(_arrays(content["random"]))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CaffeError(f"{file}: is damaged ({error!r}); without it, training resumes as in Caffe") from None


def _unfit(content: dict[str, Any], nets: list[list[tuple[str, Any]]], solver: SolverState) -> str:
    """Why the file is not for this solver, or ``""``."""
    if content["format"] != _FORMAT:
        return f"has format {content['format']}, {_FORMAT} is known here"
    if content["iter"] != solver.iter:
        return f"belongs to iteration {content['iter']}, the .solverstate to {solver.iter}"
    if content["processes"] != ranks.world_size():
        return f"was written by {content['processes']} processes, {ranks.world_size()} train now"
    if content["weights_crc32"] != _checksum(solver):
        return "belongs to other weights than the .solverstate does"
    names = [[node.name for node in net.graph.nodes] for net in _nets(solver)]
    if names != [[name for name, _ in net] for net in nets]:
        return "was written for nets of other layers"
    return ""


def _checksum(solver: SolverState) -> int:
    """Of the weights in training; what does not learn (BatchNorm's sums) may differ between processes."""
    value = 0
    for parameter in solver.net.graph.learnable:
        if parameter.lr_mult:
            value = zlib.crc32(np.ascontiguousarray(parameter.blob.data).data, value)
    return value


def _nets(solver: SolverState) -> list[Net]:
    return [solver.net, *solver.test_nets]


def _plain(value: Any) -> Any:
    """``value`` in JSON's types."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": list(value.shape), "base64": data}
    return value.item() if isinstance(value, np.generic) else value


def _arrays(value: Any) -> Any:
    """Undo ``_plain``."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"dtype", "shape", "base64"}:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in "fiub":
            raise ValueError(f"an array of {dtype}")
        data = base64.b64decode(value["base64"], validate=True)
        return np.frombuffer(data, dtype).reshape(value["shape"]).copy()
    return {name: _arrays(item) for name, item in value.items()}
