"""The paper's 24 groups: published proportions and figures, and placeholder labels where nothing was published."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from multiweight.paper.methods import METHODS
from multiweight.records.catalog import Catalog, Group

FOLDER = Path(__file__).parent
LABELS, LARGEST, SMALLEST = 830, 130, 2


@dataclass(frozen=True)
class Published:
    """One row of Tables II and III: the group's proportion, mAP@50 in percent by variant; ``kind`` is our reading."""

    group: str
    proportion: float
    kind: str
    map: dict[str, float]


def published(folder: str | Path = FOLDER) -> list[Published]:
    """The rows of ``groups.csv``, in the paper's order."""
    with open(Path(folder) / "groups.csv", encoding="utf-8", newline="") as file:
        return [
            Published(
                row["group"],
                float(row["proportion"]),
                row["kind"],
                {variant: float(row[method.column]) for variant, method in METHODS.items()},
            )
            for row in csv.DictReader(file)
        ]


def proportions(folder: str | Path = FOLDER) -> dict[str, float]:
    """The published r_t by group."""
    return {row.group: row.proportion for row in published(folder)}


def placeholder_sizes(groups: int, total: int = LABELS, largest: int = LARGEST, smallest: int = SMALLEST) -> list[int]:
    """Invented group sizes with the published sum, largest and smallest: the real 24 sizes were never published.

    The first group has ``largest`` labels and the last ``smallest``; those between fall geometrically, with the ratio
    that makes the sum come out, rounded down, and the missing units go to the largest fractions, first group first.
    (The published mean of 22 cannot be met: 24 groups of mean 22 are 528 labels.)
    """
    inner = range(1, groups - 1)
    rest = total - largest - smallest

    def exact(ratio: float) -> list[float]:
        return [max(float(smallest), largest * ratio**k) for k in inner]

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if math.fsum(exact(middle)) < rest else (low, middle)
    sizes = [math.floor(x) for x in exact(low)]
    fractions = [x - math.floor(x) for x in exact(low)]
    for k in sorted(range(len(sizes)), key=lambda k: (-round(fractions[k], 9), k))[: rest - sum(sizes)]:
        sizes[k] += 1
    return [largest, *sizes, smallest]


def placeholder_catalog(folder: str | Path = FOLDER) -> Catalog:
    """The 24 published groups with placeholder labels, 830 in all; each label says that it is one."""
    rows = published(folder)
    return Catalog(
        [
            Group(row.group, tuple(f"placeholder {n:03d}" for n in range(1, size + 1)), row.kind)
            for row, size in zip(rows, placeholder_sizes(len(rows)))
        ]
    )
