"""The list of what was left out and why, and the share above which a run stops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from multiweight.base import csv_file, make_variables, markup
from multiweight.base.errors import UserError

HEADER = ("image", "product", "step", "reason")
DEFAULT_MAX_BAD = 0.01


class TooManyBad(UserError):
    """More images were left out than the run allows."""


class BadImage(NamedTuple):
    """One thing left out: the image or row, its product where known, the step that found it, and the reason."""

    image: str
    product: str
    step: str
    reason: str


def read(path: Path) -> list[BadImage]:
    """The list as written; empty where the file does not exist."""
    if not path.exists():
        return []
    rows = [[markup.from_cell(cell) for cell in row] for _, row in csv_file.rows(path)]
    if not rows or tuple(rows[0]) != HEADER or any(len(row) != len(HEADER) for row in rows):
        raise UserError(f"{path}: expected the columns {','.join(HEADER)}: delete it and import again")
    return [BadImage(*row) for row in rows[1:]]


def write(path: Path, bad: Sequence[BadImage]) -> None:
    """Write the list, also when it is empty, so that a reader sees that it was kept."""
    csv_file.write(path, HEADER, bad)


def check_setting(max_bad: float) -> None:
    """UserError for a share that is none."""
    if not 0 <= max_bad <= 1:
        raise UserError(f"max-bad {max_bad}: expected a share from 0 to 1")


def check_share(bad: Sequence[BadImage], total: int, max_bad: float, path: Path) -> None:
    """TooManyBad when more than the share ``max_bad`` (0 to 1) of ``total`` images was left out."""
    if bad and len(bad) > max_bad * total:
        first = bad[0]
        raise TooManyBad(
            f"{path}: {len(bad)} of {total} images cannot be used "
            f"({len(bad) / max(total, 1):.2%}, allowed {max_bad:.2%}), "
            f"the first {first.image!r}: {first.reason}. Mend them, or raise {make_variables.named('MAX_BAD')}"
        )
