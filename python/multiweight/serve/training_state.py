"""How far each run of a dataset is, and its curves, read from the files that training writes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from multiweight.base import done
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.paper.methods import REFERENCES, in_order, title
from multiweight.train import log_rows

#: Points of one curve that a browser draws.
MOST_POINTS = 600
#: A run whose log has not grown for this many of its own intervals, and this many seconds, has stopped.
QUIET_INTERVALS, QUIET_SECONDS = 5, 60


def all_runs(dataset: Dataset) -> list[dict[str, Any]]:
    """One entry per run that has settings, as the page's scripts take it."""
    return [state(dataset.run(name)) for name in in_order(dataset.variants()) if name not in REFERENCES]


def state(run: Run) -> dict[str, Any]:
    """Stage, iteration, speed, time left, settings and curves of a run; ``problem`` where a file cannot be read."""
    entry: dict[str, Any] = {"id": run.variant, "name": title(run.variant)}
    try:
        settings = done.read(run.settings) if run.settings.exists() else {}
        training = done.read(run.training) if run.training.exists() else {}
        rows = [row.cells for row in log_rows.read(run.log)]
    except UserError as error:
        return {**entry, "stage": "unknown", "problem": str(error), "curves": {}, "settings": {}}
    solver, net = settings.get("solver") or {}, settings.get("net") or {}
    last = max((int(row["iteration"]) for row in rows), default=0)
    total = solver.get("iterations")
    speed = _speed(rows, training, net)
    stage = _stage(run, rows, training, last, total)
    left = None
    if stage == "training" and total and speed["iterations_per_second"]:
        left = (total - last) / speed["iterations_per_second"]
    lr = next((row["lr"] for row in reversed(rows) if row.get("lr")), None)
    return {
        **entry,
        "stage": stage,
        "iteration": last,
        "iterations": total,
        "images_per_second": speed["images_per_second"],
        "seconds_left": left,
        "lr": lr,
        "settings": {**{f"net.{k}": v for k, v in net.items()}, **{f"solver.{k}": v for k, v in solver.items()}},
        "gamma": settings.get("gamma") or {},
        "curves": curves(rows, settings.get("gamma") or {}),
    }


def curves(rows: Sequence[dict[str, str]], gamma: dict[str, float]) -> dict[str, list[list[float]]]:
    """[[iteration, value], ...] of ``train``, ``test`` and ``map``.

    The first two are the loss without weights, sum_t J_t, an image's mean: comparable between methods; a log that
    tells the weighted sum alone has only ``train_weighted``. ``map`` is mAP in percent, on the images tested.
    """
    points_of: dict[str, list[list[float]]] = {"train": [], "test": [], "train_weighted": [], "map": []}
    equal = all(value == 1 for value in gamma.values())
    for row in rows:
        parts = [value for name, value in row.items() if name.startswith("loss_")]
        total = sum(map(_number, parts)) if len(parts) == len(gamma) and parts else math.nan
        if math.isnan(total) and equal:
            total = _number(row.get("loss"))
        at = int(row["iteration"])
        for name, value in (
            (row["phase"], total),
            ("map", 100 * _number(row.get("map"))),
            ("train_weighted", _number(row.get("loss")) if row["phase"] == "train" else math.nan),
        ):
            if math.isfinite(value):
                points_of.setdefault(name, []).append([at, round(value, 5)])
    if points_of["train"]:
        points_of["train_weighted"] = []
    return {name: _thinned(points) for name, points in points_of.items()}


def _thinned(points: list[list[float]]) -> list[list[float]]:
    step = math.ceil(len(points) / MOST_POINTS)
    return points if step < 2 else points[::step] + ([] if (len(points) - 1) % step == 0 else points[-1:])


def _number(text: str | None) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan


def _stage(run: Run, rows: Sequence[dict[str, str]], training: dict[str, Any], last: int, total: int | None) -> str:
    """``trained``, ``training``, ``stopped`` or ``not begun``."""
    if training and (total is None or training.get("iterations") == total) and last >= (total or 0):
        return "trained"
    if not rows:
        return "not begun"
    seconds = [_number(row.get("seconds")) for row in rows]
    gaps = [b - a for a, b in zip(seconds, seconds[1:]) if math.isfinite(b - a)]
    patience = max(QUIET_SECONDS, QUIET_INTERVALS * max(gaps[-20:], default=0))
    return "training" if time.time() - run.log.stat().st_mtime < patience else "stopped"


def _speed(rows: Sequence[dict[str, str]], training: dict[str, Any], net: dict[str, Any]) -> dict[str, Any]:
    """Iterations and images per second over the last rows of training."""
    steps = [(int(row["iteration"]), _number(row.get("seconds"))) for row in rows if row["phase"] == "train"][-10:]
    rate = None
    if len(steps) > 1 and steps[-1][1] > steps[0][1]:
        rate = (steps[-1][0] - steps[0][0]) / (steps[-1][1] - steps[0][1])
    batch = training.get("batch_size") or net.get("batch_size")
    images = rate * batch if rate and batch else training.get("images_per_second")
    return {"iterations_per_second": rate, "images_per_second": None if images is None else round(images, 1)}
