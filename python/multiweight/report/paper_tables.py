"""The paper's five tables, filled with a dataset's figures and the paper's own beside them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from multiweight.base import done
from multiweight.base.markup import markdown as escape
from multiweight.base.paths import Dataset
from multiweight.paper import eclothing
from multiweight.paper.methods import METHODS
from multiweight.records.catalog import Catalog
from multiweight.report import results, tables
from multiweight.report.results import Result, percent
from multiweight.report.tables import DASH, Table


@dataclass(frozen=True)
class PaperTable:
    """``name`` is the file's (table_1 ... table_5), ``number`` the paper's numeral."""

    name: str
    number: str
    caption: str
    table: Table


def all_tables(dataset: Dataset, evaluated: Sequence[Result], subsets: Sequence[Dataset] = ()) -> list[PaperTable]:
    """Tables I to III of ``dataset``, and IV and V of ``subsets`` of two groups, as far as there are."""
    k = evaluated[0].evaluation["k"]
    made = [PaperTable("table_1", "I", f"{dataset.name}: groups, labels and images", data(dataset, evaluated))]
    made.append(PaperTable("table_2", "II", f"{dataset.name}: mAP@{k} (%) of each group", with_paper(evaluated)))
    third = tables.against_best(evaluated)
    if third is not None:
        caption = f"{dataset.name}: mAP@{k} (%) beside the best of the three methods"
        made.append(PaperTable("table_3", "III", caption, third))
    for number, (numeral, subset) in enumerate(zip(("IV", "V"), subsets)):
        caption = f"{subset.name}: mAP@{k} (%) of two groups of unequal size"
        made.append(PaperTable(f"table_{4 + number}", numeral, caption, two_groups(subset, numeral)))
    return made


def data(dataset: Dataset, evaluated: Sequence[Result]) -> Table:
    """Table I's place: what the groups are made of. Images and proportions are of the training part."""
    info = done.read(dataset.info) if dataset.info.exists() else {}
    images = info.get("group_images", {})
    catalog = Catalog.load(dataset.catalog) if dataset.catalog.exists() else None
    paper = eclothing.proportions()
    known = {name.casefold(): value for name, value in paper.items()}
    rows = []
    for group in results.groups(evaluated):
        values = evaluated[0].evaluation["groups"][group]
        catalog_group = catalog.group(group) if catalog is not None and group in catalog.names else None
        published = known.get(group.casefold())
        rows.append(
            [
                escape(group),
                DASH if catalog_group is None else catalog_group.kind,
                DASH if catalog_group is None else str(catalog_group.size),
                f"{images[group]:,}" if group in images else DASH,
                str(values["queries"]),
                f"{values['proportion']:.4f}",
                DASH if published is None else f"{published:.4f}",
            ]
        )
    header = ["Group", "Kind", "Labels", "Training images", "Queries", "Proportion", "paper"]
    return Table(header, rows, text=(0, 1))


def with_paper(evaluated: Sequence[Result]) -> Table:
    """Table II: every method, its 95% interval under the mean, and the paper's figure where it has the group."""
    ours = tables.by_group(evaluated)
    paper = {escape(row.group).casefold(): row for row in eclothing.published()}
    known = [r.variant for r in evaluated if r.variant in METHODS]
    header = ours.header + [f"paper {METHODS[name].title}" for name in known]
    rows = []
    for row in ours.rows:
        published = paper.get(row[0].casefold())
        rows.append(row + [DASH if published is None else f"{published.map[name]:.2f}" for name in known])
    ends = [r.evaluation.get("mean_interval") for r in evaluated]
    if any(ends):
        shown = [DASH if e is None else f"{percent(e[0])} to {percent(e[1])}" for e in ends]
        at = next(n for n, row in enumerate(rows) if row[0] == "Mean")
        rows.insert(at + 1, ["95% interval", "", "", *shown] + [DASH] * len(known))
    return Table(header, rows)


def two_groups(subset: Dataset, numeral: str) -> Table:
    """Table IV or V of a dataset of two groups, with the paper's pair in the last rows."""
    methods = [r for r in results.load(subset) if r.trained]
    images = done.read(subset.info).get("group_images", {}) if subset.info.exists() else {}
    rows = []
    for group in results.groups(methods):
        top = results.best(methods, group)
        count = f"{images[group]:,}" if group in images else DASH
        cells = [f"**{percent(r.map(group))}**" if results.is_best(r.map(group), top) else percent(r.map(group))
                 for r in methods]  # fmt: skip
        rows.append([escape(group), count, *cells])
    with open(eclothing.FOLDER / "subsets.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["table"] == numeral:
                figures = [
                    (row.get(METHODS[r.variant].column) if r.variant in METHODS else None) or DASH for r in methods
                ]
                rows.append([f"paper: {row['group']}", DASH, *figures])
    return Table(["Group", "Training images", *(escape(r.name) for r in methods)], rows)
