"""A study's results as three CSV files: a row per trial, a row per trial and group, means over resampled queries.

``trials.csv`` has all that a trial is and what came of it; a trial is done once it stands there. ``groups.csv`` has mAP
and recognition of each group at the end, of final trials and references. ``resamples.csv`` has the mean mAP of final
trials over test images drawn with replacement, the same draws for all trials, so that differences between trials have
intervals without the precision of every query being kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from multiweight.base import csv_file, lock, markup
from multiweight.base.errors import UserError

TRIALS, GROUPS, RESAMPLES = "trials.csv", "groups.csv", "resamples.csv"

#: Columns of trials.csv, and how a cell's text is read; ``points`` is ``iteration:mAP`` for each measured iteration.
TRIAL_COLUMNS = {
    "trial": str, "purpose": str, "data": str, "method": str, "rate": float, "seed": int, "iterations": int,
    "status": str, "diverged_at": int, "mean_map": float, "mean_recognition": float, "points": str,
    "train_images": int, "test_images": int, "seconds": float, "training_seconds": float,
    "engine": str, "device": str, "processor": str, "threads": str, "versions": str, "settings": json.loads,
}  # fmt: skip
GROUP_COLUMNS = {"trial": str, "group": str, "proportion": float, "gamma": float, "queries": int, "map": float,
          "recognition": float}  # fmt: skip
RESAMPLE_COLUMNS = {"trial": str, "part": str, "mean_map": str}
#: The file by which processes write one after another.
_TURN = f"{lock.IN_USE}_tables"
_OWN = ("purpose", "data", "method", "rate", "seed", "iterations")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The results by name of trial, each as ``trial.run`` makes it; UserError names the file, line and column."""
    results: dict[str, dict[str, Any]] = {}
    for line, row in _rows(folder / TRIALS, TRIAL_COLUMNS):
        if row["trial"] in results:
            raise UserError(f"{folder / TRIALS}:{line}: trial {row['trial']!r} stands twice: remove one of its rows")
        results[row["trial"]] = _result(row, f"{folder / TRIALS}:{line}")
    for _, row in _rows(folder / GROUPS, GROUP_COLUMNS):
        result = results.get(row["trial"])
        if result is None:
            continue  # left by a call that was ended before its trial was whole
        name = row["group"]
        for key, column in (("proportions", "proportion"), ("gamma", "gamma"), ("queries", "queries"),
                            ("groups", "map"), ("recognition", "recognition")):  # fmt: skip
            result.setdefault(key, {})[name] = row[column]
    for line, row in _rows(folder / RESAMPLES, RESAMPLE_COLUMNS):
        if row["trial"] in results:
            where = f"{folder / RESAMPLES}:{line}: mean_map"
            values = [value / 100 for value in _numbers((row["mean_map"] or "").split(), where)]
            results[row["trial"]].setdefault("resamples", {})[row["part"]] = values
    for name, result in results.items():
        if result["status"] == "done" and result["settings"]["purpose"] != "search" and "groups" not in result:
            raise UserError(
                f"{folder / GROUPS}: trial {name!r} of {TRIALS} has no row: remove it there to run it again"
            )
    return results


def add(folder: Path, name: str, result: Mapping[str, Any]) -> None:
    """Put a finished trial into the files, in place of an older row of that name; several processes may do so."""
    with lock.turn(folder, _TURN):
        groups = result.get("groups") or {}
        _write(folder / GROUPS, GROUP_COLUMNS, name, [
            {"trial": name, "group": group, "proportion": result["proportions"].get(group),
             "gamma": (result.get("gamma") or {}).get(group), "queries": result["queries"].get(group), "map": value,
             "recognition": (result.get("recognition") or {}).get(group)}
            for group, value in groups.items()
        ])  # fmt: skip
        _write(folder / RESAMPLES, RESAMPLE_COLUMNS, name, [
            {"trial": name, "part": part, "mean_map": " ".join(f"{100 * value:.2f}" for value in values)}
            for part, values in (result.get("resamples") or {}).items()
        ])  # fmt: skip
        _write(folder / TRIALS, TRIAL_COLUMNS, name, [_row(name, result)])


def remove(folder: Path, name: str) -> None:
    """Take a trial out of the files."""
    with lock.turn(folder, _TURN):
        for file, columns in ((TRIALS, TRIAL_COLUMNS), (GROUPS, GROUP_COLUMNS), (RESAMPLES, RESAMPLE_COLUMNS)):
            _write(folder / file, columns, name, [])


def _row(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(result["settings"])
    own = {key: settings.pop(key, None) for key in _OWN}
    points = result["points"]
    return {
        "trial": name, **own, "status": result["status"], "diverged_at": result.get("iteration"),
        "mean_map": points[-1]["mean_map"] if points else None,
        "mean_recognition": _mean(result.get("recognition")),
        "points": " ".join(f"{point['iteration']}:{point['mean_map']:.6f}" for point in points),
        "train_images": result["images"]["train"], "test_images": result["images"]["test"],
        **{key: result.get(key) for key in
           ("seconds", "training_seconds", "engine", "device", "processor", "threads")},
        "versions": ", ".join(f"{key} {value}" for key, value in (result.get("versions") or {}).items()),
        "settings": json.dumps(settings, ensure_ascii=False),
    }  # fmt: skip


def _result(row: dict[str, Any], where: str) -> dict[str, Any]:
    if row["status"] not in ("done", "diverged"):
        raise UserError(f"{where}: status {row['status']!r}: expected done or diverged")
    if not isinstance(row["settings"], dict):
        raise UserError(f"{where}: settings: expected a JSON object")
    points = []
    for cell in (row["points"] or "").split():
        iteration, _, value = cell.partition(":")
        if not (iteration.isascii() and iteration.isdigit() and len(iteration) < 11):
            raise UserError(f"{where}: points: {cell!r}: expected a whole number, a colon and a mAP")
        points.append({"iteration": int(iteration), "mean_map": _numbers([value], where)[0]})
    if row["status"] == "done" and not points:
        raise UserError(f"{where}: points: empty: remove that row, and the study runs it again")
    return {
        **{key: row[key] for key in ("status", "seconds", "training_seconds", "engine", "device", "processor",
                                     "threads", "versions", "mean_recognition")},
        "points": points, "iteration": row["diverged_at"],
        "images": {"train": row["train_images"], "test": row["test_images"]},
        "settings": {**{key: row[key] for key in _OWN}, **row["settings"]},
    }  # fmt: skip


def _rows(path: Path, columns: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with the number of its line; an empty cell is None."""
    if not path.exists():
        return
    lines = csv_file.rows(path)
    line, header = next(lines, (1, []))
    if header != list(columns):
        raise UserError(f"{path}:{line}: columns {', '.join(header)}: expected {', '.join(columns)}")
    for line, cells in lines:
        if len(cells) != len(columns):
            raise UserError(f"{path}:{line}: {len(cells)} cells: expected {len(columns)}")
        row: dict[str, Any] = {}
        for (name, read_cell), cell in zip(columns.items(), cells):
            try:
                row[name] = read_cell(markup.from_cell(cell)) if cell else None
            except ValueError:
                kind = {int: "a whole number", float: "a number"}.get(read_cell, "JSON")
                raise UserError(f"{path}:{line}: {name} {cell!r}: expected {kind}") from None
        yield line, row


def _write(path: Path, columns: Mapping[str, Any], name: str, rows: list[dict[str, Any]]) -> None:
    """The file with ``rows`` in place of those of trial ``name``."""
    kept = [cells for line, cells in _cells(path) if cells[0] != markup.cell(name)]
    new = [[_cell(row.get(column)) for column in columns] for row in rows]
    if kept or new or path.exists():
        csv_file.write(path, list(columns), [*([markup.from_cell(text) for text in row] for row in kept), *new])


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    if path.exists():
        lines = csv_file.rows(path)
        next(lines, None)
        yield from lines


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value


def _numbers(cells: list[str], where: str) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
        if not np.isfinite(numbers).all():
            raise ValueError
        return numbers
    except ValueError:
        raise UserError(f"{where}: {' '.join(cells)[:40]!r}: expected numbers") from None


def _mean(values: Mapping[str, float | None] | None) -> float | None:
    known = [value for value in (values or {}).values() if value is not None]
    return float(np.mean(known)) if known else None
