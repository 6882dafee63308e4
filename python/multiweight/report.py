"""The report of one dataset: report.md, tables.csv, histogram.png, curves.png and report.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from multiweight import figures, results, tables
from multiweight.results import Result
from multiweight.runs import METHODS, Dataset

DENOMINATOR_TEXTS = {
    "retrieved": "AP divides by the relevant images in the list (M of Eq. 10), and is 0 where there are none",
    "all": "AP divides by all relevant images of the test set, so lists of {k} cannot reach 100 where there are more",
    "min": "AP divides by the relevant images of the test set, at most {k}",
}


@dataclass(frozen=True)
class Outcome:
    """What :func:`write` found: ``problems`` a sentence a failed comparison, ``missing`` the absent references."""

    folder: Path
    found: list[Result]
    problems: list[str]
    missing: list[str]

    @property
    def verdict(self) -> str:
        """``passed``, ``failed``, or ``unchecked`` where a reference row is missing and no method fails the other."""
        if self.problems:
            return "failed"
        return "unchecked" if self.missing else "passed"


def write(dataset: Dataset) -> Outcome:
    """Write the report of every evaluated variant of ``dataset`` into its report folder, any subset of methods.

    UserError where nothing was evaluated, or variants were measured differently.
    """
    found = results.load(dataset)
    outcome = Outcome(dataset.report, found, results.problems(found), results.missing_references(found))
    dataset.report.mkdir(parents=True, exist_ok=True)
    figures.histogram(dataset.report / "histogram.png", found)
    (dataset.report / "curves.png").unlink(missing_ok=True)
    drawn = figures.curves(dataset.report / "curves.png", found)
    tables.write_csv(dataset.report / "tables.csv", found)
    text = render(dataset, outcome, drawn)
    (dataset.report / "report.md").write_text(text, encoding="utf-8")
    summary = json.dumps(as_json(dataset, outcome), indent=2, ensure_ascii=False) + "\n"
    (dataset.report / "report.json").write_text(summary, encoding="utf-8")
    return outcome


def render(dataset: Dataset, outcome: Outcome, with_curves: bool) -> str:
    """The text of report.md."""
    found = outcome.found
    groups, k = found[0].evaluation["groups"], found[0].evaluation["k"]
    unscored = [name for name, values in groups.items() if values["map"] is None]
    common, differing = tables.settings(found) if any(r.trained for r in found) else ({}, None)
    measured = next((r for r in found if r.evaluation["metric"] != "random"), found[0])
    absent = [results.NAMES[name] for name in METHODS[:3] if name not in {r.variant for r in found}]
    return _template().render(
        dataset=dataset.name,
        k=k,
        images=f"{found[0].evaluation['test']['images']:,}",
        metric=measured.evaluation["metric"],
        denominator=DENOMINATOR_TEXTS[found[0].evaluation["denominator"]].format(k=k),
        verdict=outcome.verdict,
        problems=outcome.problems,
        missing=outcome.missing,
        not_evaluated=results.not_evaluated(dataset),
        scored=len(groups) - len(unscored),
        unscored=unscored,
        summary=tables.summary(found),
        by_group=tables.by_group(found),
        against_best=tables.against_best(found),
        partly=f" (without {' and '.join(absent)}, not evaluated here)" if absent else "",
        beside_paper=tables.beside_paper(found),
        curves=with_curves,
        gammas=tables.gammas(found),
        gamma_sources=_gamma_sources(found),
        common=common,
        differing=differing,
        origins=tables.origins(found),
        versions=measured.evaluation.get("versions") or {},
    )


def as_json(dataset: Dataset, outcome: Outcome) -> dict[str, Any]:
    """The report's facts for programs: verdict, means (0 to 1), best counts, and each group's mAP by variant."""
    found = outcome.found
    return {
        "dataset": dataset.name,
        "k": found[0].evaluation["k"],
        "denominator": found[0].evaluation["denominator"],
        "verdict": outcome.verdict,
        "problems": outcome.problems,
        "missing_references": outcome.missing,
        "mean_map": {r.variant: r.mean for r in found},
        "best_in": results.best_counts(found),
        "groups": {group: {r.variant: r.map(group) for r in found} for group in results.groups(found)},
    }


def _gamma_sources(found: Sequence[Result]) -> list[str]:
    lines = []
    for r in found:
        settings = r.evaluation.get("settings") or {}
        if r.trained and settings.get("gamma_source"):
            counted = settings.get("proportions_from")
            lines.append(f"{r.name}: {settings['gamma_source']}" + (f"; proportions from {counted}" if counted else ""))
    return lines


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(Path(__file__).parent / "templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; text from tables goes through escape_md
    )
    environment.filters["escape_md"] = lambda value: tables.escape(str(value))
    return environment.get_template("report.md.j2")
