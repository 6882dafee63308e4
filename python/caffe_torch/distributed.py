"""Training in several processes, one a GPU (or CPU): started by torchrun, joined by torch.distributed.

As in Caffe the batch size is per process: N processes with batch B compute what one does with batch N * B. Each reads
every N-th record, gradients are averaged before each update, and process 0 alone writes snapshots.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

from caffe_torch import device


def rank() -> int:
    """This process's number; 0 where there is one process."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join() -> None:
    """Meet the other processes (once; nothing to do for a single one)."""
    if world_size() > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.current().type == "cuda" else "gloo")


def broadcast(tensors: Iterable[Tensor]) -> None:
    """Give every process process 0's values, in place."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in place."""
    if world_size() > 1:
        waits = [(dist.all_reduce(t, async_op=True), t) for t in tensors]
        for wait, tensor in waits:
            wait.wait()
            tensor.div_(world_size())


def mean(value: float) -> float:
    """The mean of a number over the processes."""
    if world_size() == 1:
        return value
    tensor = torch.tensor([value], dtype=torch.float64, device=device.current())
    average([tensor])
    return float(tensor)


def barrier() -> None:
    """Wait for the other processes."""
    if world_size() > 1:
        dist.barrier()
