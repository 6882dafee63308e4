"""Training in several processes, one per GPU (or CPU): started by torchrun, or by a program through caffe.NCCL.

As in Caffe the batch size is per process: N processes with batch B compute what one does with batch N * B. Each reads
every N-th record, gradients are averaged before each update, and process 0 alone writes snapshots.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

from caffe_torch.runtime import accelerator, device, ranks

#: The variable with the place to meet, of processes that do not meet at torchrun's address.
MEETING = "CAFFE_TORCH_MEETING"


def joined() -> bool:
    """Whether this process has met the others."""
    return dist.is_initialized()


def join() -> None:
    """Meet the other processes that torchrun has started (once; nothing to do for a single one)."""
    if averages_updates() and ranks.world_size() > 1 and not joined():
        meeting = os.environ.get(MEETING)
        if meeting:
            join_at(meeting)
            return
        dist.init_process_group(_backend())
        atexit.register(leave)


def join_at(meeting: str) -> None:
    """Meet the other processes at ``meeting``, an address that all were given (``caffe.NCCL``)."""
    if not joined():
        dist.init_process_group(_backend(), init_method=meeting, rank=ranks.rank(), world_size=ranks.world_size())
        atexit.register(leave)


def leave() -> None:
    """Part from the other processes: PyTorch's threads must end before the interpreter does."""
    if joined():
        dist.destroy_process_group()


def _backend() -> str:
    return accelerator.communication(device.current())


def averages_updates() -> bool:
    """Whether each update averages by itself: under torchrun; where the program sets the numbers, NCCL does it."""
    return not ranks.counted_by_program()


def broadcast(tensors: Iterable[Tensor]) -> None:
    """Give every process process 0's values, in place."""
    if joined():
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in place."""
    if joined():
        waits = [(dist.all_reduce(t, async_op=True), t) for t in tensors]
        for wait, tensor in waits:
            wait.wait()
            tensor.div_(ranks.world_size())


def mean(value: Tensor) -> Tensor:
    """The mean of a 0-dim tensor over the processes; this process's own where they are not averaged by themselves."""
    if not joined() or not averages_updates():
        return value
    value = value.to(device.current(), copy=True)
    average([value])
    return value


def largest(value: int) -> int:
    """The largest of the processes' small numbers; this process's own where they are not averaged by themselves."""
    if not joined() or not averages_updates():
        return value
    tensor = torch.tensor([value], dtype=torch.int32, device=device.current())
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return int(tensor)


def barrier() -> None:
    """Wait for the other processes."""
    if joined() and averages_updates():
        dist.barrier()
