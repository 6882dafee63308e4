"""What a training leaves while it runs: log.csv, and what its progress bar says."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiweight.base import whole_file
from multiweight.base.errors import UserError
from multiweight.train import log_rows
from multiweight.train.events import Events
from multiweight.train.losses import losses, reporting


class Diverged(UserError):
    """The loss is no longer finite, seen at ``iteration``, before its update."""

    def __init__(self, message: str, iteration: int):
        super().__init__(message)
        self.iteration = iteration


class Log:
    """log.csv: iteration, phase, loss, lr, seconds, a column a reporting top, then map (0 to 1) where tests give it.

    The training goes on from ``resumed`` (0: it begins); rows after that point go. ``state`` is what :meth:`state` gave
    at that snapshot: with it the log is that of an uninterrupted run, seconds aside. ``path`` is None for a process
    that keeps none. ``batch`` is the number of images per iteration, of all processes; ``events`` gets every row too.
    """

    def __init__(
        self,
        path: Path | None,
        net: Any,
        resumed: int,
        state: Mapping[str, Any],
        batch: int,
        events: Events | None = None,
    ):
        self._columns = ["iteration", "phase", "loss", "lr", "seconds", *reporting(net), "map"]
        kept = _rows_until(path, resumed) if path and resumed else []
        self._before = float(state.get("seconds", (kept[-1].get("seconds") or 0.0) if kept else 0.0))
        self._sums: dict[str, float] = dict(state.get("sums", {}))
        self._count = int(state.get("count", 0))
        if path:
            _write(path, self._columns, kept)
        self._path = path or os.devnull
        self._file = open(self._path, "a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self._columns, extrasaction="ignore", restval="")
        self._begun = time.time()
        self._batch, self._events = batch, events
        self._timed, self._timed_from = 0, time.perf_counter()
        self._speed = 0.0

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()

    def begin(self) -> None:
        """The clock of images/s starts here: tests are not counted."""
        self._timed, self._timed_from = 0, time.perf_counter()

    def told(self, lr: float) -> str:
        """For the progress bar: mean loss since the last row, learning rate, images per second over that time."""
        seconds = time.perf_counter() - self._timed_from
        if self._timed and seconds > 0:
            self._speed = self._batch * self._timed / seconds
        loss = self._sums.get("loss", math.nan) / max(self._count, 1)
        return f"loss {loss:.4g}, rate {lr:.3g}, {self._speed:.0f} images/s"

    @property
    def seconds(self) -> float:
        """The time of training so far, all its processes together."""
        return self._before + time.time() - self._begun

    def state(self) -> dict[str, Any]:
        """What has been gathered since the last row, for :class:`Log` to go on from."""
        return {"sums": dict(self._sums), "count": self._count, "seconds": self.seconds}

    def gather(self, solver: Any, base_lr: float) -> None:
        """Called before each update: a loss that is not finite never reaches the weights, nor a snapshot."""
        now = losses(solver.net)
        if not math.isfinite(now["loss"]):
            raise Diverged(
                f"iteration {solver.iter}: the loss is {now['loss']}: training has diverged and stops; the snapshots "
                f"before it are kept; try a base_lr below {base_lr:g} (make prototxt LR=...)",
                solver.iter,
            )
        for name, value in now.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._timed += 1

    def write(self, iteration: int, lr: float) -> None:
        """A training row: the means since the last one."""
        means = {name: value / self._count for name, value in self._sums.items()}
        more = {"lr": lr, "images_per_second": self._speed}
        self._row(iteration, "train", means, more, lr=f"{lr:g}")
        self._sums, self._count = {}, 0
        self.begin()

    def test(self, iteration: int, values: dict[str, float]) -> None:
        """A row of the test phase, none where nothing is tested; the time it took is not the training's."""
        if values:
            self._row(iteration, "test", values, {})
        self.begin()

    def _row(self, iteration: int, phase: str, values: dict[str, float], more: dict[str, float], **cells: str) -> None:
        written = {name: f"{value:.6g}" for name, value in values.items()}
        row = {"iteration": iteration, "phase": phase, "seconds": f"{self.seconds:.1f}", **written, **cells}
        with whole_file.named(self._path):
            self._writer.writerow(row)
            self._file.flush()
        if self._events is not None:
            self._events.add(phase, iteration, {**values, **more})


def _write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Write the log anew, whole or not at all."""
    with whole_file.opened(path, newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)


def _rows_until(path: Path, iteration: int) -> list[dict[str, str]]:
    """The rows that an uninterrupted run has before it goes on from the snapshot of ``iteration``."""
    return [
        row.cells
        for row in log_rows.read(path)
        if row.iteration < iteration or (row.phase == "train" and row.iteration == iteration)
    ]
