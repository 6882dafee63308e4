"""pycaffe's way to train in several processes that a program starts itself, on torch.distributed (nccl or gloo)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch.distributed as dist

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import distributed, ranks
from caffe_torch.solver.state import SolverState

solver_rank = ranks.rank
set_solver_rank = ranks.set_rank
solver_count = ranks.world_size
set_solver_count = ranks.set_world_size


def set_multiprocess(value: bool) -> None:
    """Taken for compatibility: here several solvers always mean several processes."""


def has_nccl() -> bool:
    """Whether ``NCCL`` works here: with NVIDIA's NCCL between GPUs, with gloo between CPU processes."""
    return dist.is_available()


class NCCL:
    """The group of processes that train ``solver`` together; all give the ``uid`` that one made with ``new_uid``.

    ``bcast()`` gives every process the weights of rank 0; ``solver.add_callback(nccl)`` averages the gradients before
    each update. CaffeError where the rank and the number of processes were not set before.
    """

    def __init__(self, solver: SolverState, uid: bytes | str):
        self.solver = solver
        if not 0 <= ranks.rank() < ranks.world_size():
            raise CaffeError(
                f"NCCL: rank {ranks.rank()} of {ranks.world_size()} process(es): call "
                "caffe.set_solver_count and caffe.set_solver_rank first"
            )
        distributed.join_at(uid.decode() if isinstance(uid, bytes) else uid)

    @staticmethod
    def new_uid() -> bytes:
        """The processes' place to meet, a file of its own in the temporary folder: they run on one machine."""
        handle, path = tempfile.mkstemp(prefix="caffe-torch-")
        os.close(handle)
        return Path(path).as_uri().encode()

    def bcast(self) -> None:
        """Give every process the weights of rank 0."""
        for parameter in self.solver.net.graph.learnable:
            parameter.blob.change(lambda weights: distributed.broadcast([weights]))

    def on_start(self) -> None:
        """Nothing to do before an iteration."""

    def on_gradients_ready(self) -> None:
        """Average the gradients over the processes, before the update."""
        distributed.average([p.blob.diff_tensor() for p in self.solver.net.graph.learnable])

    def __call__(self, layer: int) -> None:
        """As a net's ``after_backward`` callback: nothing, since ``on_gradients_ready`` averages all layers at once."""
