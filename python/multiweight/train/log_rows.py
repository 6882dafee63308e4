"""log.csv read back: its rows, each checked."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from multiweight.base import csv_file
from multiweight.base.errors import UserError

_NEEDED = ("iteration", "phase", "loss")


class Row(NamedTuple):
    """A row of ``phase`` train or test; ``cells`` are all its texts by column, the others numbers or empty."""

    iteration: int
    phase: str
    cells: dict[str, str]


def read(path: Path) -> list[Row]:
    """The rows of a training's log, none where there is no file; a last one that is cut, or being written, is left out.

    UserError names the line that is no such row.
    """
    if not path.exists():
        return []
    log_rows: list[Row] = []
    problem: UserError | None = None
    columns: list[str] = []
    with open(path, "rb") as file:
        last = file.read()[-1:]
    for line, cells in csv_file.rows(path):
        if problem is not None:
            raise problem
        if not columns:
            columns = cells
            if any(name not in columns for name in _NEEDED):
                raise UserError(
                    f"{path}:{line}: no head of a training log: expected {', '.join(_NEEDED)}, ...: {_ADVICE}"
                )
            continue
        told = _problem(columns, cells)
        if told:
            problem = UserError(f"{path}:{line}: not a row of a training log ({told}): {_ADVICE}")
            continue  # the last row may be half of one
        row = dict(zip(columns, cells))
        log_rows.append(Row(int(row["iteration"]), row["phase"], row))
    if problem is not None and last in (b"\n", b"\r"):
        raise problem
    return log_rows


_ADVICE = "remove the file: a training goes on without the rows before"


def _problem(columns: list[str], cells: list[str]) -> str:
    if len(cells) != len(columns):
        return f"{len(cells)} cells of {len(columns)}"
    for name, text in zip(columns, cells):
        if name == "phase":
            if text not in ("train", "test"):
                return f"phase {text[:20]!r}"
        elif name == "iteration":
            if not (text.isascii() and text.isdigit() and len(text) < 11):
                return f"iteration {text[:20]!r}"
        elif text:
            try:
                float(text)
            except ValueError:
                return f"{name} {text[:20]!r}"
    return ""
