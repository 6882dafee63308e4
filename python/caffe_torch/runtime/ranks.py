"""Which of several processes this one is: torchrun's numbers, or those that the program has set."""

from __future__ import annotations

import os

#: What the program said with caffe.set_solver_rank and caffe.set_solver_count; None means torchrun's numbers.
_rank: int | None = None
_count: int | None = None


def rank() -> int:
    """This process's number; 0 where there is one process."""
    return int(os.environ.get("RANK", "0")) if _rank is None else _rank


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if _count is None else _count


def set_rank(number: int) -> None:
    """Say which process this is, as a program does that starts the processes itself."""
    global _rank
    _rank = int(number)


def set_world_size(number: int) -> None:
    """Say how many processes there are, as a program does that starts them itself."""
    global _count
    _count = int(number)


def counted_by_program() -> bool:
    """Whether the program has said how many processes there are, in place of torchrun."""
    return _count is not None
