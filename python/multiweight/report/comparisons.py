"""Differences between methods on the same queries, with a paired permutation test."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.markup import markdown as escape
from multiweight.base.paths import Dataset
from multiweight.evaluate import intervals
from multiweight.report.results import Result
from multiweight.report.tables import Table

SURE = 0.05


@dataclass(frozen=True)
class Comparison:
    """``second`` minus ``first``, group by group in catalog order."""

    first: Result
    second: Result
    difference: intervals.Difference


def precisions(dataset: Dataset, variant: str) -> np.ndarray | None:
    """AP of every query and group, (n, groups) float64 with NaN, as evaluation left it; None where it did not."""
    path = dataset.run(variant).retrieval
    if not path.exists():
        return None
    return hdf5_file.numbers(path, "ap", 2, f"delete it and evaluate {variant} again").astype(np.float64)


def pairs(dataset: Dataset, evaluated: Sequence[Result], most: int = 6) -> list[Comparison]:
    """Every pair of trained methods, at most ``most`` methods, that have the AP of each query."""
    known = [(r, values) for r in evaluated if r.trained and (values := precisions(dataset, r.variant)) is not None][
        :most
    ]
    for r, values in known[1:]:
        if values.shape != known[0][1].shape:
            raise UserError(
                f"{dataset.run(r.variant).retrieval}: {values.shape} queries and groups, those of "
                f"{known[0][0].variant} {known[0][1].shape}: they are of different images: evaluate all again"
            )
    return [
        Comparison(first, second, intervals.paired(b, a))
        for (first, a), (second, b) in itertools.combinations(known, 2)
    ]


def table(tests: Sequence[Comparison]) -> Table | None:
    """One row per pair: the difference of the means in points of percent, p, and in how many groups it is sure."""
    if not tests:
        return None
    rows = []
    for test in tests:
        d = test.difference
        sure = np.nan_to_num(d.p, nan=1.0) < SURE
        p = f"{d.mean_p:.4f}"
        rows.append(
            [
                escape(f"{test.second.name} − {test.first.name}"),
                f"{100 * d.mean:+.2f}",
                f"**{p}**" if d.mean_p < SURE else p,
                str(int((sure & (d.groups > 0)).sum())),
                str(int((sure & (d.groups < 0)).sum())),
            ]
        )
    return Table(["Difference", "mean mAP", "p", f"groups better (p < {SURE:g})", f"worse (p < {SURE:g})"], rows)
