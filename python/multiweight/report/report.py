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


@dataclass(frozen=True)
class Gallery:
    """What the page's gallery shows: ``each`` queries a group, the worst ``failures`` first, or those of ``keys``."""

    each: int = 4
    failures: bool = False
    keys: tuple[str, ...] = ()


@lock.scope
def write(
    dataset: Dataset,
    subsets: Sequence[Dataset] = (),
    shown: Gallery = Gallery(),  # noqa: B008  # frozen
    caffe: Any = None,
) -> Outcome:
    """Write the report of every evaluated variant of ``dataset`` into its report folder, any subset of methods.

    ``subsets`` are datasets of two groups, for Tables IV and V. ``caffe`` reads the gallery's images; None leaves the
    gallery out. UserError where nothing was evaluated, or variants were measured differently.
    """
    found = results.load(dataset)
    lock.hold(dataset.report, "report")
    outcome = Outcome(dataset.report, found, results.problems(found), results.missing_references(found))
    dataset.report.mkdir(parents=True, exist_ok=True)
    drawn = draw(dataset.report, found)
    pairs = comparisons.pairs(dataset, found)
    compared, said = comparisons.table(pairs), conclusion.of(found, pairs)
    tables.write_csv(dataset.report / "tables.csv", found)
    papers = paper_tables.all_tables(dataset, found, subsets)
    for one in papers:
        table_formats.write(dataset.report / "tables", one.name, one.table, f"Table {one.number}. {one.caption}")
    text = render(dataset, outcome, drawn, compared, said, papers)
    whole_file.write(dataset.report / "report.md", text)
    summary = json.dumps(as_json(dataset, outcome), indent=2, ensure_ascii=False) + "\n"
    whole_file.write(dataset.report / "report.json", summary)
    photos = None
    if caffe is not None and shown.each > 0:
        photos = gallery.collect(caffe, dataset, found, shown.each, shown.failures, shown.keys)
    page = html(dataset, outcome, drawn, compared, said, photos, shown.failures)
    whole_file.write(dataset.report / "report.html", page)
    return outcome


def draw(folder: Path, found: Sequence[Result]) -> dict[str, bool]:
    """Draw every figure that there is something for; which of them there are."""
    drawn = {}
    for name, way in (("histogram", figures.histogram), ("change", figures.change), ("curves", figures.curves)):
        for suffix in (".png", ".svg"):
            (folder / name).with_suffix(suffix).unlink(missing_ok=True)
        drawn[name] = way((folder / name).with_suffix(".png"), found)
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


def labels_table(dataset: Dataset, found: Sequence[Result]) -> tables.Table | None:
    """Results label by label; None where the dataset's packed records are not there."""
    if not (dataset.catalog.exists() and dataset.packed("test").exists()):
        return None
    return labels.table(dataset, found)


def html(
    dataset: Dataset,
    outcome: Outcome,
    drawn: dict[str, bool],
    compared: tables.Table | None,
    said: conclusion.Conclusion | None,
    photos: dict[str, Any] | None,
    failures: bool,
) -> str:
    """The text of report.html."""
    found = outcome.found
    k = found[0].evaluation["k"]
    measured = next((r for r in found if r.evaluation["metric"] != "random"), found[0])
    facts = dict(
        dataset=dataset.name,
        k=k,
        verdict=outcome.verdict,
        verdict_text=verdict_text(outcome),
        summary=tables.summary(found),
        images=f"{found[0].evaluation['test']['images']:,}",
        metric=measured.evaluation["metric"],
        denominator=DENOMINATOR_TEXTS[found[0].evaluation["denominator"]].format(k=k),
        differences=compared,
        conclusion=said,
        labels=labels_table(dataset, found),
        methods=[{"id": r.variant, "name": r.name} for r in found],
        by_group=paper_tables.with_paper(found),
        group_rows=len(results.groups(found)),
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
    said: conclusion.Conclusion | None,
    papers: Sequence[paper_tables.PaperTable],
) -> str:
    """The text of report.md."""
    found = outcome.found
    groups, k = found[0].evaluation["groups"], found[0].evaluation["k"]
    unscored = [name for name, values in groups.items() if values["map"] is None]
    common, differing = tables.settings(found) if any(r.trained for r in found) else ({}, None)
    measured = next((r for r in found if r.evaluation["metric"] != "random"), found[0])
    absent = [title(name) for name in COMPARED if name not in {r.variant for r in found}]
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
        curves=drawn["curves"],
        change=drawn["change"],
        differences=compared,
        conclusion=said,
        subsets=[one for one in papers if one.number in ("IV", "V")],
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
    environment.filters["escape_md"] = lambda value: markup.markdown(str(value))
    return environment.get_template("report.md.j2")
