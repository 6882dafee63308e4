"""What a training leaves while it runs: log.csv, TensorBoard's events, and what its progress bar says."""

from __future__ import annotations

import csv
import importlib
import math
import time
from pathlib import Path
from typing import Any

from multiweight.base.errors import UserError


class Diverged(UserError):
    """The loss is no longer finite, seen at ``iteration``, before its update."""

    def __init__(self, message: str, iteration: int):
        super().__init__(message)
        self.iteration = iteration


class Events:
    """TensorBoard's event files, by its own writer; an earlier training's points after ``resumed`` are void."""

    def __init__(self, folder: Path, resumed: int):
        try:
            writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        except ImportError as error:
            raise UserError(
                f"TensorBoard's event files need torch and tensorboard ({error}): pip install '.[torch,tensorboard]', "
                "or train without --tensorboard (of make: TENSORBOARD=)"
            ) from None
        self._writer = writer(str(folder), purge_step=resumed + 1 if resumed else None)

    def add(self, phase: str, iteration: int, values: dict[str, float]) -> None:
        """Points of one iteration, under ``phase``/name."""
        for name, value in values.items():
            self._writer.add_scalar(f"{phase}/{name}", value, iteration)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def losses(net: Any) -> dict[str, float]:
    """The total (``loss``: the sum of loss_weight times top) and each reporting top named ``loss_...``, unweighted."""
    weights = net.blob_loss_weights
    total = 0.0
    found = {}
    for name, blob in net.blobs.items():
        if weights[name]:
            total += weights[name] * float(blob.data.reshape(-1)[0])
        if name.startswith("loss_") and "_split_" not in name:
            found[name] = float(blob.data.reshape(-1)[0])
    return {"loss": total, **found}


class Log:
    """log.csv: iteration, phase, loss, lr, seconds, a column a reporting top, then map; rows after a resume point go.

    ``map`` (0 to 1) is written where the tests give it. ``batch`` is the number of images an iteration, of all
    processes; ``events`` gets every row too.
    """

    def __init__(self, path: Path, net: Any, resumed: int, batch: int, events: Events | None = None):
        tops = [n for n in net.blobs if n.startswith("loss_") and "_split_" not in n]
        self._columns = ["iteration", "phase", "loss", "lr", "seconds", *tops, "map"]
        kept = _rows_until(path, resumed) if resumed else []
        self._offset = float(kept[-1]["seconds"]) if kept else 0.0
        self._file = open(path, "w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self._columns, extrasaction="ignore", restval="")
        self._writer.writeheader()
        self._writer.writerows(kept)
        self._begun = time.time()
        self._batch, self._events = batch, events
        self._mark = time.perf_counter()
        self._speed = 0.0
        self._sums: dict[str, float] = {}
        self._count = 0

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()

    def begin(self) -> None:
        """The clock of images/s starts here: tests are not counted."""
        self._mark = time.perf_counter()

    def told(self, lr: float) -> str:
        """For the progress bar: the mean loss since the last row, the learning rate, images a second over that time."""
        seconds = time.perf_counter() - self._mark
        if self._count and seconds > 0:
            self._speed = self._batch * self._count / seconds
        loss = self._sums.get("loss", math.nan) / max(self._count, 1)
        return f"loss {loss:.4g}, rate {lr:.3g}, {self._speed:.0f} images/s"

    def gather(self, solver: Any, param: Any) -> None:
        """Called before each update: a loss that is not finite never reaches the weights, nor a snapshot."""
        found = losses(solver.net)
        if not math.isfinite(found["loss"]):
            raise Diverged(
                f"iteration {solver.iter}: the loss is {found['loss']}: training has diverged and stops; the snapshots "
                f"before it are kept; try a base_lr below {param.base_lr:g} (make prototxt LR=...)",
                solver.iter,
            )
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def write(self, iteration: int, lr: float) -> None:
        """A training row: the means since the last one."""
        means = {name: value / self._count for name, value in self._sums.items()}
        more = {"lr": lr, "images_per_second": self._speed}
        self._row(iteration, "train", means, more, lr=f"{lr:g}")
        self._sums, self._count = {}, 0
        self.begin()

    def test(self, iteration: int, found: dict[str, float]) -> None:
        """A row of the test phase; the time it took is not the training's."""
        if found:
            self._row(iteration, "test", found, {})
        self.begin()

    def _row(self, iteration: int, phase: str, values: dict[str, float], more: dict[str, float], **cells: str) -> None:
        seconds = f"{self._offset + time.time() - self._begun:.1f}"
        written = {name: f"{value:.6g}" for name, value in values.items()}
        self._writer.writerow({"iteration": iteration, "phase": phase, "seconds": seconds, **written, **cells})
        self._file.flush()
        if self._events is not None:
            self._events.add(phase, iteration, {**values, **more})


def _rows_until(path: Path, iteration: int) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        r
        for r in rows
        if int(r["iteration"]) < iteration or (r["phase"] == "train" and int(r["iteration"]) == iteration)
    ]
