"""The tables of a report as rows of text: mAP by group and method (Tables II and III), gamma, settings, times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multiweight.base import csv_file
from multiweight.base.markup import markdown as escape
from multiweight.paper import eclothing
from multiweight.paper.methods import METHODS
from multiweight.report import results
from multiweight.report.results import Result, percent

DASH = "–"


@dataclass(frozen=True)
class Table:
    """A header and rows of cells that are Markdown already; the columns in ``text`` are text, the others figures."""

    header: list[str]
    rows: list[list[str]]
    text: tuple[int, ...] = (0,)


def summary(evaluated: Sequence[Result]) -> Table:
    """One row per method and reference: mean mAP, in how many groups it is best, gamma, training length and speed."""
    counts, lengths, rows = results.best_counts(evaluated), results.lengths(evaluated), []
    top = _highest([r for r in evaluated if r.trained])
    for r in evaluated:
        t = r.training
        rows.append(
            [
                escape(r.name),
                _mark(r.mean, top if r.trained else None),
                str(counts[r.variant]) if r.trained else DASH,
                _scheme(r),
                _length(r, lengths),
                duration(t.get("seconds")),
                DASH if t.get("images_per_second") is None else f"{t['images_per_second']:.0f}",
                escape(str(t.get("device", DASH))),
            ]
        )
    k = evaluated[0].evaluation["k"]
    return Table(
        ["Method", f"mean mAP@{k}", "best in", "gamma", "iterations", "training", "images/s", "device"],
        rows,
        text=(0, 3, 7),
    )


def by_group(evaluated: Sequence[Result]) -> Table:
    """Table II with every trained method and the reference rows as columns; best of the trained in bold."""
    trained = [r for r in evaluated if r.trained]
    rows = []
    for group in results.groups(evaluated):
        top = results.best(trained, group)
        values = evaluated[0].evaluation["groups"][group]
        rows.append(
            [escape(group), f"{values['proportion']:.4f}", str(values["queries"])]
            + [_mark(r.map(group), top if r.trained else None) for r in evaluated]
        )
    counts, top = results.best_counts(evaluated), _highest(trained)
    rows.append(["Mean", "", ""] + [_mark(r.mean, top if r.trained else None) for r in evaluated])
    rows.append(["Best in", "", ""] + [str(counts[r.variant]) if r.trained else "" for r in evaluated])
    base = results.paper_methods(evaluated)
    if 1 < len(base) < len(trained):
        counts = results.best_counts(base)
        names = ", ".join(r.name for r in base)
        rows.append([escape(f"Best of {names} in"), "", ""] + [str(counts.get(r.variant, "")) for r in evaluated])
    lengths = results.lengths(evaluated)
    if lengths:
        rows.append(["Iterations", "", ""] + [_length(r, lengths) if r.trained else "" for r in evaluated])
    return Table(["Group", "Proportion", "Queries"] + [escape(r.name) for r in evaluated], rows)


def against_best(evaluated: Sequence[Result]) -> Table | None:
    """Table III: the best of the paper's three methods, and every further method beside it; None where one lacks."""
    base = results.paper_methods(evaluated)
    others = [r for r in evaluated if r.trained and r not in base]
    if not base or not others:
        return None
    rows, bests = [], []
    beaten = {r.variant: 0 for r in others}
    for group in results.groups(evaluated):
        current = results.best(base, group)
        bests.append(current)
        top = results.best([*base, *others], group)
        for r in others:
            value = r.map(group)
            beaten[r.variant] += value is not None and current is not None and value > current + 1e-12
        proportion = evaluated[0].evaluation["groups"][group]["proportion"]
        rows.append(
            [escape(group), f"{proportion:.4f}", _mark(current, top)] + [_mark(r.map(group), top) for r in others]
        )
    mean = _mean(bests)
    top_mean = max((v for v in (mean, *(r.mean for r in others)) if v is not None), default=None)
    rows.append(["Mean", "", _mark(mean, top_mean)] + [_mark(r.mean, top_mean) for r in others])
    rows.append(["Above current best in", "", ""] + [str(beaten[r.variant]) for r in others])
    return Table(["Group", "Proportion", "Current best"] + [escape(r.name) for r in others], rows)


def beside_paper(evaluated: Sequence[Result], published: Sequence[eclothing.Published] | None = None) -> Table | None:
    """The paper's figures next to ours where it has a group of the same name, upper or lower case alike; else None."""
    known = {row.group.casefold(): row for row in (eclothing.published() if published is None else published)}
    shared = [group for group in results.groups(evaluated) if group.casefold() in known]
    ours = [r for r in evaluated if r.variant in METHODS]
    if not shared or not ours:
        return None
    rows = []
    for group in shared:
        row = known[group.casefold()]
        cells = [
            escape(group),
            f"{evaluated[0].evaluation['groups'][group]['proportion']:.4f}",
            f"{row.proportion:.4f}",
        ]
        for r in ours:
            cells += [percent(r.map(group)), f"{row.map[r.variant]:.2f}"]
        rows.append(cells)
    rows.append(["Mean of these", "", ""])
    for r in ours:
        rows[-1] += [
            percent(_mean([r.map(group) for group in shared])),
            f"{math.fsum(known[group.casefold()].map[r.variant] for group in shared) / len(shared):.2f}",
        ]
    header = ["Group", "Proportion", "paper"]
    for r in ours:
        header += [escape(r.name), "paper"]
    return Table(header, rows)


def gammas(evaluated: Sequence[Result]) -> Table | None:
    """gamma of each group for each trained method, and the sums."""
    trained = [r for r in evaluated if r.trained and r.gamma]
    if not trained:
        return None
    rows = [
        [escape(group), f"{evaluated[0].evaluation['groups'][group]['proportion']:.4f}"]
        + [f"{r.gamma[group]:.4f}" if group in r.gamma else DASH for r in trained]
        for group in results.groups(evaluated)
    ]
    rows.append(["Sum", ""] + [f"{math.fsum(r.gamma.values()):.4f}" for r in trained])
    return Table(["Group", "Proportion"] + [escape(r.name) for r in trained], rows)


def settings(evaluated: Sequence[Result]) -> tuple[dict[str, str], Table | None]:
    """Net and solver settings: those that all trained methods share, and a table of those that differ."""
    trained = [r for r in evaluated if r.trained]
    flat = [_flat(r.evaluation.get("settings") or {}) for r in trained]
    names = list(dict.fromkeys(name for run_settings in flat for name in run_settings))
    common = {
        name: flat[0][name]
        for name in names
        if all(run_settings.get(name) == flat[0].get(name) for run_settings in flat)
    }
    rows = [[f"`{n}`"] + [escape(run_settings.get(n, DASH)) for run_settings in flat] for n in names if n not in common]
    table = Table(["Setting"] + [escape(r.name) for r in trained], rows) if rows else None
    return common, table


def origins(evaluated: Sequence[Result]) -> Table:
    """Which weights and engine each row comes from, and how long it took."""
    rows = []
    for r in evaluated:
        source = r.evaluation.get("features") or {}
        rows.append(
            [
                escape(r.name),
                escape(str(source.get("weights") or f"random ranking, seed {source.get('seed')}")),
                (source.get("weights_sha256") or DASH)[:12],
                escape(str(source.get("blob") or DASH)),
                str(source.get("dimensions") or DASH),
                str(source.get("zero_features", DASH)),
                escape(str(r.training.get("engine") or source.get("engine") or DASH)),
                duration(source.get("seconds")),
                duration(r.evaluation.get("seconds")),
            ]
        )
    header = ["Method", "Weights", "SHA-256", "Blob", "Values", "Zero rows", "Engine", "Extraction", "Evaluation"]
    return Table(header, rows, text=(0, 1, 2, 3, 6))


def write_csv(path: Path, evaluated: Sequence[Result]) -> None:
    """``tables.csv``: a row per group, mAP in percent with 4 digits, and the paper's columns where they are known."""
    paper = {row.group.casefold(): row for row in eclothing.published()}
    trained, base = [r for r in evaluated if r.trained], results.paper_methods(evaluated)
    names = [r.variant for r in evaluated]
    counts = results.best_counts(evaluated)

    def figure(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.4f}"

    header = ["group", "proportion", "queries", *names, "current_best", "best_method"]
    header += ["paper_proportion", *(f"paper_{name}" for name in METHODS)]
    rows: list[list[Any]] = []
    bests = []
    for group in results.groups(evaluated):
        values, top = evaluated[0].evaluation["groups"][group], results.best(trained, group)
        row = paper.get(group.casefold())
        bests.append(results.best(base, group))
        rows.append(
            [group, f"{values['proportion']:.6f}", values["queries"], *(figure(r.map(group)) for r in evaluated)]
            + [figure(bests[-1]), " ".join(r.variant for r in trained if results.is_best(r.map(group), top))]
            + ([f"{row.proportion:.4f}", *(f"{row.map[m]:.2f}" for m in METHODS)] if row else [""] * 5)
        )
    rows.append(["mean", "", "", *(figure(r.mean) for r in evaluated), figure(_mean(bests)), ""] + [""] * 5)
    rows.append(["best in", "", "", *(counts.get(name, "") for name in names), "", ""] + [""] * 5)
    csv_file.write(path, header, rows)


def duration(seconds: float | None) -> str:
    """0.42 s, 61 s, 12 min 5 s, 3 h 20 min; a dash for None."""
    if seconds is None:
        return DASH
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _mark(value: float | None, top: float | None) -> str:
    return f"**{percent(value)}**" if results.is_best(value, top) else percent(value)


def _highest(evaluated: Sequence[Result]) -> float | None:
    return max((r.mean for r in evaluated if r.mean is not None), default=None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _length(r: Result, lengths: Mapping[str, int]) -> str:
    """Iterations of a run, marked where another of ``lengths`` trained for more."""
    iterations = r.training.get("iterations")
    if iterations is None:
        return DASH
    return f"{iterations:,}" + (" (shorter)" if iterations < max(lengths.values(), default=0) else "")


def _scheme(r: Result) -> str:
    scheme = r.evaluation.get("scheme")
    if not scheme:
        return DASH
    c = r.evaluation.get("c")
    more = (f", c = {c:g}" if c is not None else "") + (", rescaled" if r.evaluation.get("rescale") else "")
    return escape(f"{scheme}{more}")


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    parts = {f"{part}.{name}": value for part in ("net", "solver") for name, value in (values.get(part) or {}).items()}
    return {name: DASH if value is None else str(value) for name, value in parts.items()}
