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
    rows = [[one.name, one.found, one.expected, "yes" if one.passed else "**no**"] for one in gate.checks]
    return Table(["condition", "found", "expected", "passed"], rows, text=(0, 1, 2, 3))


def summary(found: Findings, lines: Sequence[Line]) -> Table:
    """A row per method with its intervals and its difference from the first one, and the references below."""
    header = ["method", "rate", "sum of gamma", "seeds", "each seed", "mean mAP@50", "over seeds", "over queries"]
    if len(lines) > 1:
        header += [f"minus {title(lines[0].method.name)}", "over seeds", "over queries", "p"]
    best = max(line.estimate().value for line in lines)
    compared = [findings.difference(line, lines[0], comparisons=len(lines) - 1) for line in lines[1:]]
    corrected = estimates.holm([one.p for one in compared])
    rows = []
    for number, line in enumerate(lines):
        one = line.estimate()
        each = ", ".join(f"{100 * value:.2f}" for value in line.by_seed())
        value = f"{100 * one.value:.2f}"
        row = [title(line.method.name), f"{line.rate:g}", f"{line.gamma_sum:.2f}", str(len(line.runs)), each]
        row += [f"**{value}**" if one.value == best else value, _ends(one.seeds), _ends(one.queries)]
        if number:
            rows.append(row + _difference(compared[number - 1], corrected[number - 1], queries=True))
        else:
            rows.append(row + [DASH] * (len(header) - len(row)))
    for name, references in _references(found):
        values = [one["points"][-1]["mean_map"] for one in references]
        each = ", ".join(f"{100 * value:.2f}" for value in values)
        row = [name, DASH, DASH, str(len(values)), each, f"{100 * sum(values) / len(values):.2f}"]
        rows.append(row + [DASH] * (len(header) - len(row)))
    return Table(header, rows)


def by_size(found: Findings, lines: Sequence[Line]) -> Table:
    """mAP of the head, the middle and the tail of the groups, and recognition of all; differences from the first."""
    sized = {name: groups for name, groups in thirds.by_size(found.proportions).items() if name != thirds.MEAN}
    header = ["method"]
    for name, groups in sized.items():
        header += [f"{name}: {len(groups)} groups, to {found.proportions[groups[-1]]:.2g}", "difference", "p"]
    header += ["recognition: mean AP", "difference", "p"]
    columns: list[list[tuple[float, Estimate | None]]] = []
    for name, groups in sized.items():
        differences = [findings.difference(line, lines[0], groups, part=name) for line in lines[1:]]
        columns.append([*zip([line.part(name, groups).value for line in lines], [None, *differences])])
    measure = findings.RECOGNITION
    differences = [findings.difference(line, lines[0], part=None, measure=measure) for line in lines[1:]]
    means = [estimates.estimate(line.by_seed(measure=measure)).value for line in lines]
    columns.append([*zip(means, [None, *differences])])
    corrected = [estimates.holm([one.p for _, one in column if one is not None]) for column in columns]
    rows = []
    for number, line in enumerate(lines):
        row = [title(line.method.name)]
        for column, ps in zip(columns, corrected):
            value, one = column[number]
            row.append(DASH if value != value else f"{100 * value:.2f}")
            row += [DASH, DASH] if one is None else _short(one, ps[number - 1])
        rows.append(row)
    return Table(header, rows)


def by_group(found: Findings, lines: Sequence[Line]) -> Table:
    """mAP of each group: mean over seeds, and half the width of the interval over seeds."""
    rows = []
    for group in found.groups:
        each = [line.estimate(group) for line in lines]
        best = max((one.value for one in each if one.value == one.value), default=0.0)
        cells = []
        for one in each:
            half = f" ± {100 * (one.seeds[1] - one.value):.1f}" if one.seeds else ""
            text = f"{100 * one.value:.2f}{half}" if one.value == one.value else DASH
            cells.append(f"**{text}**" if one.value == best else text)
        queries = lines[0].runs[0]["queries"][group]
        rows.append(
            [markup.markdown(group), f"{found.proportions[group]:.4f}", f"{queries:,}", *cells, _percent(found, group)]
        )
    header = ["group", "proportion", "queries", *(title(line.method.name) for line in lines), UNTRAINED]
    return Table(header, rows)


def clear_groups(found: Findings, lines: Sequence[Line]) -> str:
    """In how many groups each method is clearly better or worse than the first, corrected for their number."""
    told = []
    for line in lines[1:]:
        differences = [findings.difference(line, lines[0], [group], part=None) for group in found.groups]
        clear = [p is not None and p < estimates.SIGNIFICANT for p in estimates.holm([one.p for one in differences])]
        better = sum(is_clear and one.value > 0 for one, is_clear in zip(differences, clear))
        told.append(f"{title(line.method.name)} better in {better}, worse in {sum(clear) - better}")
    return "; ".join(told)


def convergence(found: Findings, lines: Sequence[Line]) -> Table:
    """Mean mAP at each point measured, and the iterations to what every method reaches."""
    start = found.untrained_map()
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


def _references(found: Findings) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    named: list[tuple[str, Sequence[Mapping[str, Any]]]] = [(UNTRAINED, found.untrained)]
    if found.paper_untrained and found.paper_untrained != found.untrained:
        named.append((f"{UNTRAINED}, the paper's trunk", found.paper_untrained))
    return [*named, *([(RANDOM, (found.random,))] if found.random is not None else [])]


def _difference(one: Estimate, p: float | None, queries: bool) -> list[str]:
    value = f"{100 * one.value:+.2f}"
    clear = p is not None and p < estimates.SIGNIFICANT
    return [
        f"**{value}**" if clear else value, _ends(one.seeds, "+"), *([_ends(one.queries, "+")] if queries else []),
        DASH if p is None else f"{p:.3f}",
    ]  # fmt: skip


def _short(one: Estimate, p: float | None) -> list[str]:
    """A difference with its interval over seeds in one cell, and its p."""
    if one.value != one.value:
        return [DASH, DASH]
    value, ends, told = _difference(one, p, queries=False)
    return [value if ends == DASH else f"{value} ({ends})", told]


def _ends(ends: tuple[float, float] | None, sign: str = "") -> str:
    return DASH if ends is None else f"{100 * ends[0]:{sign}.2f} to {100 * ends[1]:{sign}.2f}"


def _percent(found: Findings, group: str) -> str:
    value = found.untrained_map(group)
    return f"{100 * value:.2f}" if value == value else DASH
