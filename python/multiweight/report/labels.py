"""Results label by label: the AP of the queries that carry it, and what their first results carry instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.markup import markdown as escape
from multiweight.base.paths import Dataset
from multiweight.evaluate import packed_labels
from multiweight.records.catalog import Catalog
from multiweight.report.comparisons import precisions
from multiweight.report.results import Result, percent
from multiweight.report.tables import DASH, Table

#: Results of a query that are asked for what they carry.
FIRST = 10


@dataclass(frozen=True)
class LabelResult:
    """One label: its test images; mAP (0 to 1, None without queries) by variant; (label, share) seen instead.

    The mAP is that of its group over the queries with the label. The share is that of the first ten results of these
    queries that carry the other label of the group and not this one, by the method that the table names.
    """

    group: str
    label: str
    images: int
    map: Mapping[str, float | None]
    instead: tuple[tuple[str, float], ...]


class Lists:
    """What evaluation left of each query: AP by method, and one method's result lists, read once.

    None of it for methods whose lists are not there; UserError where a file is of other images than the packed ones.
    """

    def __init__(self, dataset: Dataset, evaluated: Sequence[Result], method: str):
        self.catalog, self.keys, self.labels = packed_labels.load(dataset)
        self.ap = {r.variant: ap for r in evaluated if (ap := precisions(dataset, r.variant)) is not None}
        self.method = method
        self.indices = _indices(dataset, method)
        if self.indices is not None and len(self.indices) != len(self.keys):
            raise UserError(f"{dataset.run(method).retrieval}: of other images: evaluate {method} again")
        for variant, ap in self.ap.items():
            if ap.shape != (len(self.keys), len(self.catalog.names)):
                raise UserError(f"{dataset.run(variant).retrieval}: of other images: evaluate {variant} again")

    def of_group(self, group: str) -> list[LabelResult]:
        """The labels of a group, in the order of the catalog."""
        g, part = self.catalog.names.index(group), self.catalog.slices[group]
        mine = self.labels[:, part]
        label_results = []
        for m, label in enumerate(self.catalog.groups[g].labels):
            rows = np.flatnonzero(mine[:, m])
            means = {name: float(ap[rows, g].mean()) if len(rows) else None for name, ap in self.ap.items()}
            instead = _instead(mine, self.indices[rows], m, self.catalog, g) if self.indices is not None else ()
            label_results.append(LabelResult(group, label, len(rows), means, instead))
        return label_results

    def worst(self, group: str, most: int = 12) -> list[tuple[str, float]]:
        """(key, AP) of the queries of a group with the lowest mean AP of all methods."""
        g = self.catalog.names.index(group)
        if not self.ap:
            return []
        mean = np.mean([ap[:, g] for ap in self.ap.values()], axis=0)
        rows = [row for row in np.argsort(mean, kind="stable")[:most] if not np.isnan(mean[row])]
        return [(self.keys[row], float(mean[row])) for row in rows]


def table(dataset: Dataset, evaluated: Sequence[Result], groups: Sequence[str] | None = None) -> Table | None:
    """A row per label, of all groups or those given; None where no method has its lists."""
    trained = [r for r in evaluated if r.trained]
    ranked = sorted(trained, key=lambda r: -(r.mean or 0.0))
    if not ranked:
        return None
    lists = Lists(dataset, trained, ranked[0].variant)
    if not lists.ap:
        return None
    shown = [r for r in trained if r.variant in lists.ap]
    rows = []
    for group in lists.catalog.names if groups is None else groups:
        for label_result in lists.of_group(group):
            best = max((v for v in label_result.map.values() if v is not None), default=None)
            cells = [_figure(label_result.map[r.variant], best) for r in shown]
            instead = ", ".join(f"{escape(name)} {100 * share:.0f}%" for name, share in label_result.instead) or DASH
            rows.append([escape(group), escape(label_result.label), str(label_result.images), *cells, instead])
    header = ["Group", "Label", "Images", *(escape(r.name) for r in shown), f"Seen instead ({escape(ranked[0].name)})"]
    return Table(header, rows, text=(0, 1, len(header) - 1))


def _figure(value: float | None, best: float | None) -> str:
    return f"**{percent(value)}**" if value is not None and value == best else percent(value)


def _instead(mine: np.ndarray, lists: np.ndarray, m: int, catalog: Catalog, g: int) -> tuple[tuple[str, float], ...]:
    """The two labels most seen in ``lists`` (queries, k) of images that do not carry label ``m``; -1 is no image."""
    results = lists[lists >= 0]
    if not len(results):
        return ()
    others = mine[results][~mine[results, m]]
    shares = others.sum(axis=0) / len(results)
    order = np.argsort(-shares, kind="stable")[:2]
    return tuple((catalog.groups[g].labels[n], float(shares[n])) for n in order if shares[n] > 0)


def _indices(dataset: Dataset, variant: str) -> np.ndarray | None:
    path = dataset.run(variant).retrieval
    if not path.exists():
        return None
    return hdf5_file.numbers(path, "indices", 2, f"delete it and evaluate {variant} again", FIRST)
