"""What the parts of a solver that keep, restore or share its state see of it."""

from __future__ import annotations

from typing import Any, Protocol

from caffe_torch.net.net import Net
from caffe_torch.solver.updates import Updates


class SolverState(Protocol):
    """A solver between two iterations: its SolverParameter, nets, counters, and the histories of its updates."""

    param: Any
    net: Net
    test_nets: list[Net]
    iter: int
    current_step: int
    updates: Updates
