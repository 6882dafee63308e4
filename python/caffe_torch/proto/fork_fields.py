"""Which of Caffe's forks has which field of the schema, and under which number: fork_fields.csv."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple


class ForkField(NamedTuple):
    """A field or enum value that a fork has beyond BVLC's, or under a number of its own."""

    name: str
    fork: str
    #: The fork's own number; None where only text files were seen.
    number: int | None


@cache
def fork_fields() -> dict[str, list[ForkField]]:
    """Every line of the table by full name (``LayerParameter.permute_param``), the fork most used first."""
    by_name: dict[str, list[ForkField]] = {}
    with open(Path(__file__).with_name("fork_fields.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            number = int(row["number"]) if row["number"] else None
            by_name.setdefault(row["name"], []).append(ForkField(row["name"], row["fork"], number))
    return by_name


def forks_of(name: str) -> list[str]:
    """The forks that have the field or enum value ``name``; none for BVLC's own names."""
    return [field.fork for field in fork_fields().get(name, ())]


def elsewhere(field: str) -> list[str]:
    """The full names of a fork's field in whichever messages it stands."""
    return [name for name in fork_fields() if name.rpartition(".")[2] == field]
