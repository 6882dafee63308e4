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
    evaluated = results.load(dataset)
    pairs = comparisons.pairs(dataset, evaluated)
    missing = results.missing_references(evaluated)
    outcome = report.Outcome(dataset.report, evaluated, results.problems(evaluated), missing)
    shown = shop.catalog.group(group).name if group else results.groups(evaluated)[0]
    return {
        "conclusion": conclusion.of(evaluated, pairs),
        "verdict": outcome.verdict,
        "verdict_text": report.verdict_text(outcome),
        "k": evaluated[0].evaluation["k"],
        "summary": tables.summary(evaluated),
        "differences": comparisons.table(pairs),
        "by_group": paper_tables.with_paper(evaluated),
        "group_rows": len(results.groups(evaluated)),
        "figures": [pair for pair in report.CAPTIONS.items() if (dataset.report / f"{pair[0]}.svg").exists()],
        "group": shown,
        "groups": results.groups(evaluated),
        "labels": labels.table(dataset, evaluated, [shown]),
        "worst": _worst(dataset, shop, evaluated, shown),
    }


def figure(dataset: Dataset, name: str) -> Path:
    """The file of one of the report's figures; UserError where it was not drawn."""
    path = dataset.report / f"{name}.svg"
    if name not in report.CAPTIONS or not path.exists():
        raise UserError(f"{name}: no such figure: write the report first (make report)")
    return path


def _worst(dataset: Dataset, shop: Shop, evaluated: list[Result], group: str) -> list[dict[str, Any]]:
    trained = [r for r in evaluated if r.trained]
    if not trained:
        return []
    lists = labels.Lists(dataset, trained, trained[0].variant)
    described = []
    for key, ap in lists.worst(group):
        carried = shop.labels(shop.row(key)).get(group, [])
        described.append({"key": key, "labels": ", ".join(carried), "ap": results.percent(ap)})
    return described
