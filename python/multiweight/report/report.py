"""The report of one dataset: report.md, report.html, tables/, tables.csv, figures as PNG and SVG, report.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from multiweight.base import lock, markup, whole_file
from multiweight.base.paths import Dataset
from multiweight.paper.methods import COMPARED, title
from multiweight.report import (
    comparisons,
    conclusion,
    figures,
    gallery,
    labels,
    page,
    paper_tables,
    results,
    table_formats,
    tables,
)
from multiweight.report.results import Result
from multiweight.report.settings import DEFAULTS, Settings

DENOMINATOR_TEXTS = {
    "retrieved": "AP divides by the relevant images in the list (M of Eq. 10), and is 0 where there are none",
    "all": "AP divides by all relevant images of the test set, so lists of {k} cannot reach 100 where there are more",
    "min": "AP divides by the relevant images of the test set, at most {k}",
}


@dataclass(frozen=True)
class Outcome:
    """What :func:`write` found: ``problems`` a sentence a failed comparison, ``missing`` the absent references."""

    folder: Path
    evaluated: list[Result]
    problems: list[str]
    missing: list[str]

    @property
    def verdict(self) -> str:
        """``passed``, ``failed``, or ``unchecked`` where a reference row is missing and no method fails the other."""
        if self.problems:
            return "failed"
        return "unchecked" if self.missing else "passed"


@lock.scope
def write(
    dataset: Dataset,
    subsets: Sequence[Dataset] = (),
    settings: Settings = DEFAULTS,
    caffe: Any = None,
    queries: Sequence[str] = (),
) -> Outcome:
    """Write the report of every evaluated variant of ``dataset`` into its report folder, any subset of methods.

    ``subsets`` are datasets of two groups, for Tables IV and V. ``caffe`` reads the gallery's images; None leaves the
    gallery out. With ``queries``, keys of test images, it shows those and no others.
    UserError where nothing was evaluated, or variants were measured differently.
    """
    evaluated = results.load(dataset)
    lock.hold(dataset.report, "report")
    outcome = Outcome(dataset.report, evaluated, results.problems(evaluated), results.missing_references(evaluated))
    dataset.report.mkdir(parents=True, exist_ok=True)
    drawn = draw(dataset.report, evaluated)
    pairs = comparisons.pairs(dataset, evaluated)
    compared, concluded = comparisons.table(pairs), conclusion.of(evaluated, pairs)
    tables.write_csv(dataset.report / "tables.csv", evaluated)
    papers = paper_tables.all_tables(dataset, evaluated, subsets)
    for paper in papers:
        table_formats.write(
            dataset.report / "tables", paper.name, paper.table, f"Table {paper.number}. {paper.caption}"
        )
    text = render(dataset, outcome, drawn, compared, concluded, papers)
    whole_file.write(dataset.report / "report.md", text)
    summary = json.dumps(as_json(dataset, outcome), indent=2, ensure_ascii=False) + "\n"
    whole_file.write(dataset.report / "report.json", summary)
    photos = None
    if caffe is not None and settings.gallery > 0:
        photos = gallery.collect(caffe, dataset, evaluated, settings.gallery, settings.failures_first, queries)
    page = html(dataset, outcome, drawn, compared, concluded, photos, settings.failures_first)
    whole_file.write(dataset.report / "report.html", page)
    return outcome


def draw(folder: Path, evaluated: Sequence[Result]) -> dict[str, bool]:
    """Draw every figure that there is something for; which of them there are."""
    drawn = {}
    for name, way in (("histogram", figures.histogram), ("change", figures.change), ("curves", figures.curves)):
        for suffix in (".png", ".svg"):
            (folder / name).with_suffix(suffix).unlink(missing_ok=True)
        drawn[name] = way((folder / name).with_suffix(".png"), evaluated)
    return drawn


CAPTIONS = {
    "histogram": "mAP of each group by method, with 95% intervals where they are known (the form of Fig. 2)",
    "change": "Change of each group's mAP against its proportion",
    "curves": "Training losses by iteration",
}


def verdict_text(outcome: Outcome) -> str:
    """Whether the trained methods beat the references, in a sentence."""
    return {
        "passed": "Every trained method beats both the untrained net and a random ranking.",
        "failed": "Not every trained method beats the references: " + "; ".join(outcome.problems) + ".",
        "unchecked": f"Not checked against every reference: {' and '.join(outcome.missing)} not evaluated.",
    }[outcome.verdict]


def labels_table(dataset: Dataset, evaluated: Sequence[Result]) -> tables.Table | None:
    """Results label by label; None where the dataset's packed records are not there."""
    if not (dataset.catalog.exists() and dataset.packed("test").exists()):
        return None
    return labels.table(dataset, evaluated)


def html(
    dataset: Dataset,
    outcome: Outcome,
    drawn: dict[str, bool],
    compared: tables.Table | None,
    concluded: conclusion.Conclusion | None,
    photos: dict[str, Any] | None,
    failures: bool,
) -> str:
    """The text of report.html."""
    evaluated = outcome.evaluated
    k = evaluated[0].evaluation["k"]
    measured = next((r for r in evaluated if r.evaluation["metric"] != "random"), evaluated[0])
    facts = dict(
        dataset=dataset.name,
        k=k,
        verdict=outcome.verdict,
        verdict_text=verdict_text(outcome),
        summary=tables.summary(evaluated),
        images=f"{evaluated[0].evaluation['test']['images']:,}",
        metric=measured.evaluation["metric"],
        denominator=DENOMINATOR_TEXTS[evaluated[0].evaluation["denominator"]].format(k=k),
        differences=compared,
        conclusion=concluded,
        labels=labels_table(dataset, evaluated),
        methods=[{"id": r.variant, "name": r.name} for r in evaluated],
        by_group=paper_tables.with_paper(evaluated),
        group_rows=len(results.groups(evaluated)),
        gallery=photos,
        failures=failures,
    )
    chosen = [((dataset.report / name).with_suffix(".svg"), CAPTIONS[name]) for name, there in drawn.items() if there]
    return page.render(facts, chosen)


def render(
    dataset: Dataset,
    outcome: Outcome,
    drawn: dict[str, bool],
    compared: tables.Table | None,
    concluded: conclusion.Conclusion | None,
    papers: Sequence[paper_tables.PaperTable],
) -> str:
    """The text of report.md."""
    evaluated = outcome.evaluated
    groups, k = evaluated[0].evaluation["groups"], evaluated[0].evaluation["k"]
    unscored = [name for name, values in groups.items() if values["map"] is None]
    common, differing = tables.settings(evaluated) if any(r.trained for r in evaluated) else ({}, None)
    measured = next((r for r in evaluated if r.evaluation["metric"] != "random"), evaluated[0])
    absent = [title(name) for name in COMPARED if name not in {r.variant for r in evaluated}]
    return _template().render(
        dataset=dataset.name,
        k=k,
        images=f"{evaluated[0].evaluation['test']['images']:,}",
        metric=measured.evaluation["metric"],
        denominator=DENOMINATOR_TEXTS[evaluated[0].evaluation["denominator"]].format(k=k),
        verdict=outcome.verdict,
        problems=outcome.problems,
        missing=outcome.missing,
        not_evaluated=results.not_evaluated(dataset),
        scored=len(groups) - len(unscored),
        unscored=unscored,
        summary=tables.summary(evaluated),
        by_group=tables.by_group(evaluated),
        against_best=tables.against_best(evaluated),
        partly=f" (without {' and '.join(absent)}, not evaluated here)" if absent else "",
        beside_paper=tables.beside_paper(evaluated),
        curves=drawn["curves"],
        change=drawn["change"],
        differences=compared,
        conclusion=concluded,
        subsets=[paper_table for paper_table in papers if paper_table.number in ("IV", "V")],
        gammas=tables.gammas(evaluated),
        gamma_sources=_gamma_sources(evaluated),
        common=common,
        differing=differing,
        origins=tables.origins(evaluated),
        versions=measured.evaluation.get("versions") or {},
    )


def as_json(dataset: Dataset, outcome: Outcome) -> dict[str, Any]:
    """The report's facts for programs: verdict, means (0 to 1), best counts, and each group's mAP by variant."""
    evaluated = outcome.evaluated
    return {
        "dataset": dataset.name,
        "k": evaluated[0].evaluation["k"],
        "denominator": evaluated[0].evaluation["denominator"],
        "verdict": outcome.verdict,
        "problems": outcome.problems,
        "missing_references": outcome.missing,
        "mean_map": {r.variant: r.mean for r in evaluated},
        "best_in": results.best_counts(evaluated),
        "groups": {group: {r.variant: r.map(group) for r in evaluated} for group in results.groups(evaluated)},
    }


def _gamma_sources(evaluated: Sequence[Result]) -> list[str]:
    lines = []
    for r in evaluated:
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
    environment.filters["escape_md"] = lambda value: markup.markdown(str(value))
    return environment.get_template("report.md.j2")
