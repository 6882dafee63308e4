"""The losses of the last iterations: averaged for the log, and checked to be finite."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

#: On a device, so many losses are gathered there at most before they are read at once.
_GATHERED = 100


class Losses:
    """The loss of each iteration; ``diverged(iteration, loss)`` is called for the first one that is not finite.

    On the CPU a loss is known as it comes. On a device that would make the host wait in every iteration: there the
    losses stay until ``read``, which the solver calls before whatever a bad one would spoil, or until 100 have come.
    """

    def __init__(self, average: int, diverged: Callable[[int, float], None]):
        self._average, self._diverged = average, diverged
        self._known: list[float] = []
        self._begun = 0
        self._bad: tuple[int, float] | None = None
        self._waiting: list[tuple[int, Tensor]] = []

    def begin(self, iteration: int) -> None:
        """Average from ``iteration`` on; what waits from before is still checked."""
        self._known, self._begun = [], iteration

    def add(self, iteration: int, loss: Tensor) -> None:
        """``loss`` is a 0-dim tensor, on the device or not; ``check`` says whether it was finite."""
        self._waiting.append((iteration, loss))
        if loss.device.type == "cpu" or len(self._waiting) >= _GATHERED:
            self._fetch()

    def check(self) -> None:
        """Call ``diverged`` where one of the known losses is not finite."""
        bad, self._bad = self._bad, None
        if bad:
            self._diverged(*bad)

    def read(self) -> None:
        """Bring the losses that wait to the host, and check them."""
        self._fetch()
        self.check()

    def _fetch(self) -> None:
        """All at once: each copy would make the host wait."""
        if not self._waiting:
            return
        iterations, tensors = zip(*self._waiting)
        self._waiting = []
        there = [tensor for tensor in tensors if tensor.device.type != "cpu"]
        fetched = iter(torch.stack(there).cpu().tolist() if there else ())
        values = [float(tensor) if tensor.device.type == "cpu" else next(fetched) for tensor in tensors]
        averaged = [value for iteration, value in zip(iterations, values) if iteration >= self._begun]
        self._known = [*self._known, *averaged][-self._average :]
        for iteration, value in zip(iterations, values):
            if not math.isfinite(value) and not self._bad:
                self._bad = (iteration, value)

    def mean(self) -> float:
        """The mean of the last ``average`` losses."""
        self._fetch()
        return sum(self._known) / len(self._known)
