"""What the results' page shows: the report's words, tables and figures, and one group's labels and worst queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.report import comparisons, conclusion, labels, paper_tables, report, results, tables
from multiweight.report.results import Result
from multiweight.serve.shop import Shop


def facts(dataset: Dataset, shop: Shop, group: str) -> dict[str, Any]:
    """The template's facts; of ``group``, or of the first where it is empty. UserError: nothing evaluated, no group."""
    found = results.load(dataset)
    pairs = comparisons.pairs(dataset, found)
    missing = results.missing_references(found)
    outcome = report.Outcome(dataset.report, found, results.problems(found), missing)
    shown = shop.catalog.group(group).name if group else results.groups(found)[0]
    return {
        "conclusion": conclusion.of(found, pairs),
        "verdict": outcome.verdict,
        "verdict_text": report.verdict_text(outcome),
        "k": found[0].evaluation["k"],
        "summary": tables.summary(found),
        "differences": comparisons.table(pairs),
        "by_group": paper_tables.with_paper(found),
        "group_rows": len(results.groups(found)),
        "figures": [pair for pair in report.CAPTIONS.items() if (dataset.report / f"{pair[0]}.svg").exists()],
        "group": shown,
        "groups": results.groups(found),
        "labels": labels.table(dataset, found, [shown]),
        "worst": _worst(dataset, shop, found, shown),
    }


def figure(dataset: Dataset, name: str) -> Path:
    """The file of one of the report's figures; UserError where it was not drawn."""
    path = dataset.report / f"{name}.svg"
    if name not in report.CAPTIONS or not path.exists():
        raise UserError(f"{name}: no such figure: write the report first (make report)")
    return path


def _worst(dataset: Dataset, shop: Shop, found: list[Result], group: str) -> list[dict[str, Any]]:
    trained = [r for r in found if r.trained]
    if not trained:
        return []
    lists = labels.Lists(dataset, trained, trained[0].variant)
    described = []
    for key, ap in lists.worst(group):
        carried = shop.labels(shop.row(key)).get(group, [])
        described.append({"key": key, "labels": ", ".join(carried), "ap": results.percent(ap)})
    return described
