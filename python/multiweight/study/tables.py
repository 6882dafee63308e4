"""The tables of an experiment: the gate's conditions, methods and their differences, thirds, groups, convergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from multiweight.base import markup
from multiweight.paper.methods import RANDOM, UNTRAINED, title
from multiweight.report.tables import DASH, Table
from multiweight.study import estimates, findings, thirds
from multiweight.study.estimates import Estimate
from multiweight.study.findings import Findings, Line
from multiweight.study.gate import Gate


def conditions(gate: Gate) -> Table:
    """What the gate asks, and what was found."""
    rows = [[check.name, check.value, check.expected, "yes" if check.passed else "**no**"] for check in gate.checks]
    return Table(["condition", "found", "expected", "passed"], rows, text=(0, 1, 2, 3))


def summary(result: Findings, lines: Sequence[Line]) -> Table:
    """A row per method with its intervals and its difference from the first one, and the references below."""
    header = ["method", "rate", "sum of gamma", "seeds", "each seed", "mean mAP@50", "over seeds", "over queries"]
    if len(lines) > 1:
        header += [f"minus {title(lines[0].method.name)}", "over seeds", "over queries", "p"]
    best = max(line.estimate().value for line in lines)
    compared = [findings.difference(line, lines[0], comparisons=len(lines) - 1) for line in lines[1:]]
    corrected = estimates.holm([difference.p for difference in compared])
    rows = []
    for number, line in enumerate(lines):
        mean = line.estimate()
        each = ", ".join(f"{100 * value:.2f}" for value in line.by_seed())
        value = f"{100 * mean.value:.2f}"
        row = [title(line.method.name), f"{line.rate:g}", f"{line.gamma_sum:.2f}", str(len(line.runs)), each]
        row += [f"**{value}**" if mean.value == best else value, _ends(mean.seeds), _ends(mean.queries)]
        if number:
            rows.append(row + _difference(compared[number - 1], corrected[number - 1], queries=True))
        else:
            rows.append(row + [DASH] * (len(header) - len(row)))
    for name, references in _references(result):
        values = [run["points"][-1]["mean_map"] for run in references]
        each = ", ".join(f"{100 * value:.2f}" for value in values)
        row = [name, DASH, DASH, str(len(values)), each, f"{100 * sum(values) / len(values):.2f}"]
        rows.append(row + [DASH] * (len(header) - len(row)))
    return Table(header, rows)


def by_size(result: Findings, lines: Sequence[Line]) -> Table:
    """mAP of the head, the middle and the tail of the groups, and recognition of all; differences from the first."""
    sized = {name: groups for name, groups in thirds.by_size(result.proportions).items() if name != thirds.MEAN}
    header = ["method"]
    for name, groups in sized.items():
        header += [f"{name}: {len(groups)} groups, to {result.proportions[groups[-1]]:.2g}", "difference", "p"]
    header += ["recognition: mean AP", "difference", "p"]
    columns: list[list[tuple[float, Estimate | None]]] = []
    for name, groups in sized.items():
        differences = [findings.difference(line, lines[0], groups, part=name) for line in lines[1:]]
        columns.append([*zip([line.part(name, groups).value for line in lines], [None, *differences])])
    measure = findings.RECOGNITION
    differences = [findings.difference(line, lines[0], part=None, measure=measure) for line in lines[1:]]
    means = [estimates.estimate(line.by_seed(measure=measure)).value for line in lines]
    columns.append([*zip(means, [None, *differences])])
    corrected = [estimates.holm([change.p for _, change in column if change is not None]) for column in columns]
    rows = []
    for number, line in enumerate(lines):
        row = [title(line.method.name)]
        for column, ps in zip(columns, corrected):
            value, change = column[number]
            row.append(DASH if value != value else f"{100 * value:.2f}")
            row += [DASH, DASH] if change is None else _short(change, ps[number - 1])
        rows.append(row)
    return Table(header, rows)


def by_group(result: Findings, lines: Sequence[Line]) -> Table:
    """mAP of each group: mean over seeds, and half the width of the interval over seeds."""
    rows = []
    for group in result.groups:
        each = [line.estimate(group) for line in lines]
        best = max(
            (group_estimate.value for group_estimate in each if group_estimate.value == group_estimate.value),
            default=0.0,
        )
        cells = []
        for group_estimate in each:
            half = f" ± {100 * (group_estimate.seeds[1] - group_estimate.value):.1f}" if group_estimate.seeds else ""
            text = f"{100 * group_estimate.value:.2f}{half}" if group_estimate.value == group_estimate.value else DASH
            cells.append(f"**{text}**" if group_estimate.value == best else text)
        queries = lines[0].runs[0]["queries"][group]
        rows.append(
            [
                markup.markdown(group),
                f"{result.proportions[group]:.4f}",
                f"{queries:,}",
                *cells,
                _percent(result, group),
            ]
        )
    header = ["group", "proportion", "queries", *(title(line.method.name) for line in lines), UNTRAINED]
    return Table(header, rows)


def clear_groups(result: Findings, lines: Sequence[Line]) -> str:
    """In how many groups each method is clearly better or worse than the first, corrected for their number."""
    told = []
    for line in lines[1:]:
        differences = [findings.difference(line, lines[0], [group], part=None) for group in result.groups]
        clear = [
            p is not None and p < estimates.SIGNIFICANT
            for p in estimates.holm([estimate.p for estimate in differences])
        ]
        better = sum(is_clear and estimate.value > 0 for estimate, is_clear in zip(differences, clear))
        told.append(f"{title(line.method.name)} better in {better}, worse in {sum(clear) - better}")
    return "; ".join(told)


def convergence(result: Findings, lines: Sequence[Line]) -> Table:
    """Mean mAP at each point measured, and the iterations to what every method reaches."""
    start = result.untrained_map()
    level = min(float(line.curve()[1].mean(axis=0)[-1]) for line in lines)
    points = sorted({int(n) for line in lines for n in line.curve()[0]})
    rows = []
    for line in lines:
        iterations, values = line.curve()
        known = dict(zip(iterations.tolist(), values.mean(axis=0)))
        cells = [f"{100 * known[n]:.2f}" if n in known else DASH for n in points]
        reached = findings.iterations_to(line, level, start)
        rows.append([title(line.method.name), *cells, DASH if reached is None else f"{reached:,.0f}"])
    header = ["mean mAP@50 after iterations", *(f"{n:,}" for n in points), f"iterations to {100 * level:.2f}"]
    return Table(header, rows)


def _references(result: Findings) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    named: list[tuple[str, Sequence[Mapping[str, Any]]]] = [(UNTRAINED, result.untrained)]
    if result.paper_untrained and result.paper_untrained != result.untrained:
        named.append((f"{UNTRAINED}, the paper's trunk", result.paper_untrained))
    return [*named, *([(RANDOM, (result.random,))] if result.random is not None else [])]


def _difference(estimate: Estimate, p: float | None, queries: bool) -> list[str]:
    value = f"{100 * estimate.value:+.2f}"
    clear = p is not None and p < estimates.SIGNIFICANT
    ends = [_ends(estimate.seeds, "+"), *([_ends(estimate.queries, "+")] if queries else [])]
    return [f"**{value}**" if clear else value, *ends, DASH if p is None else f"{p:.3f}"]


def _short(estimate: Estimate, p: float | None) -> list[str]:
    """A difference with its interval over seeds in one cell, and its p."""
    if estimate.value != estimate.value:
        return [DASH, DASH]
    value, ends, told = _difference(estimate, p, queries=False)
    return [value if ends == DASH else f"{value} ({ends})", told]


def _ends(ends: tuple[float, float] | None, sign: str = "") -> str:
    return DASH if ends is None else f"{100 * ends[0]:{sign}.2f} to {100 * ends[1]:{sign}.2f}"


def _percent(result: Findings, group: str) -> str:
    value = result.untrained_map(group)
    return f"{100 * value:.2f}" if value == value else DASH
