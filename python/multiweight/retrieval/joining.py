"""Processes that share a search, started by torchrun: each does its tiles, and all end with the same ranking."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from multiweight.base.engine import process, processes
from multiweight.retrieval.ranking import Ranking

_ROWS = 1 << 16


def agree(number: int) -> int:
    """The first process's ``number``, in every process."""
    if processes() == 1:
        return number
    torch, dist, group = _joined()
    told = torch.tensor([number])
    dist.broadcast(told, 0, group=group)
    return int(told.item())


def share(ranking: Ranking) -> None:
    """Give every process the best of all processes' pairs, in place; nothing to do for a single process."""
    if processes() == 1:
        return
    torch, dist, group = _joined()
    for start in range(0, len(ranking.indices), _ROWS):
        part = slice(start, start + _ROWS)
        theirs: list[list[Any]] = []
        for mine in (ranking.indices[part], ranking.scores[part]):
            tensor = torch.from_numpy(np.ascontiguousarray(mine))
            gathered = [torch.empty_like(tensor) for _ in range(processes())]
            dist.all_gather(gathered, tensor, group=group)
            theirs.append([tensor_of_process.numpy() for tensor_of_process in gathered])
        for number, (indices, scores) in enumerate(zip(*theirs)):
            if number != process():
                ranking.merge(start, indices, scores)


def _joined() -> tuple[Any, Any, Any]:
    """(torch, torch.distributed, a group of all processes)."""
    torch = importlib.import_module("torch")
    dist = importlib.import_module("torch.distributed")
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return torch, dist, dist.new_group(backend="gloo")
