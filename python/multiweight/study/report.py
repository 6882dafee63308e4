"""A study's report.md and figures, from its result files alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from multiweight.base import markup
from multiweight.base.errors import UserError
from multiweight.datasets.sample_shop import shop as sample_shop
from multiweight.paper.methods import title
from multiweight.report import table_formats
from multiweight.report.tables import DASH, Table, duration
from multiweight.study import drawings, findings, grid, order, trial
from multiweight.study.design import Experiment, Study
from multiweight.study.findings import Estimate, Findings, Line
from multiweight.study.grid import Grid

NAME = "report.md"


def write(study: Study) -> Path:
    """Write report.md and the figures of every experiment that has a finished trial; UserError where none has."""
    text = render(study)
    results = trial.results(study)
    for family in _families(study):
        found_grid = grid.read(study, family, results)
        if found_grid.done:
            grid.heat_map(study.folder / f"{family}_gains.png", found_grid)
    for experiment in study.experiments:
        found = None if experiment.family else findings.read(study, experiment, results)
        if found is not None and found.lines:
            drawings.bars(study.folder / f"{experiment.name}_groups.png", found)
            drawings.changes(study.folder / f"{experiment.name}_changes.png", found)
            drawings.convergence(study.folder / f"{experiment.name}_convergence.png", found)
    target = study.folder / NAME
    target.write_text(text, encoding="utf-8")
    return target


def render(study: Study) -> str:
    """The text of report.md."""
    results = trial.results(study)
    found = [(e, findings.read(study, e, results)) for e in study.experiments]
    if not any(one for _, one in found):
        raise UserError(f"{study.folder / trial.RESULTS}: no method has been trained yet: run the study (make study)")
    lines = [f"# Study: {study.folder.name}", "", *_head(study, results), "", *_rates(study, results)]
    for family in _families(study):
        lines += ["", *_grid(study, grid.read(study, family, results), results)]
    for experiment, one in found:
        if experiment.family:
            continue
        lines += ["", f"## {experiment.name}", "", experiment.question, ""]
        lines += _experiment(study, experiment, one, results) if one else ["Not run yet."]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _families(study: Study) -> list[str]:
    """The names of the experiments that run over shops, each once."""
    return list(dict.fromkeys(one.family for one in study.experiments if one.family))


def _grid(study: Study, found: Grid, results: order.Results) -> Iterator[str]:
    yield f"## {found.name}"
    yield ""
    yield found.question
    yield ""
    if not found.done:
        yield "Not run yet."
        return
    left = sum(order.missing(study, one, results) for one in study.experiments if one.family == found.name)
    if left:
        yield f"Not finished: {left:,} iterations are left.\n"
    shop = next(one.shop for one in study.experiments if one.family == found.name and one.shop)
    images = [one.images for one in found.done.values()]
    counts = {part: sorted({one[part] for one in images}) for part in ("train", "test")}
    fixed = {key: value for key, value in asdict(shop.settings).items() if key not in (*found.dials, "quality")}
    yield (
        f"Drawn shops: {_said(fixed)}; {counts['train'][0]:,} to {counts['train'][-1]:,} images to train with the "
        f"shop's noisy labels, {counts['test'][0]:,} to {counts['test'][-1]:,} to measure with the true ones. In "
        "brackets the method's rate, chosen on noisy labels as above.\n"
    )
    yield table_formats.markdown(grid.table(found))
    yield f"![gain over {' and '.join(found.dials) or 'the first method'}]({found.name}_gains.png)"


def _head(study: Study, results: order.Results) -> Iterator[str]:
    trained = [one for one in results.values() if one["settings"]["purpose"] != order.REFERENCES]
    seconds = sum(one["seconds"] for one in results.values())
    yield "Written by `make study-report` from the files in `results/`; `make study` runs what is not there yet."
    yield ""
    yield (
        f"{study.dataset}, {study.size} pixels; net: {_said(study.net)}; {study.iterations:,} iterations, the rate "
        f"divided by 10 after {study.drop:.0%} of them; seeds {', '.join(map(str, study.seeds))}."
    )
    for key in ("engine", "device", "processor"):
        yield f"{key.capitalize()}: {'; '.join(sorted({str(one[key]) for one in results.values()}))}."
    yield f"{len(trained)} trainings, {duration(seconds)} in all, as the sum over trials."
    yield ""
    yield (
        "mAP@50 in percent, at the end of training, over all test images (cosine, Eq. 10's denominator); means over "
        "groups and seeds. Intervals are 95%: over seeds by Student's t, over queries by bootstrap of the test images. "
        "A difference is called clear where both leave out 0. Groups are many, and their intervals are each on their "
        "own: of twenty, one would look clear by chance."
    )


def _rates(study: Study, results: order.Results) -> Iterator[str]:
    search = study.search
    yield "## Learning rates"
    yield ""
    yield (
        f"For each method the rate with the highest mean mAP@50 on a validation part of the training images, after "
        f"{search.iterations:,} iterations, seed {search.seed}; where the best lies at an edge, half or double it is "
        "tried too."
    )
    if _families(study):
        own = sample_shop.DEFAULTS
        yield (
            "A drawn shop is named by the settings that differ from the sample shop's own "
            f"(wrong {own.wrong:g}, missing {own.missing:g}, tail {own.tail:g})."
        )
    for data, methods in findings.chosen_rates(study, study.experiments, results).items():
        if not methods:
            continue
        rates = sorted({rate for found in methods.values() for rate in found})
        rows = []
        for name, found in methods.items():
            best = max(found, key=lambda rate: (order.score(found[rate]), -rate))
            cells = [_search_cell(found.get(rate), rate == best) for rate in rates]
            rows.append([title(name), *cells])
        yield f"\n{'All groups' if data == 'whole' else data}:\n"
        yield table_formats.markdown(Table(["method", *(f"{rate:g}" for rate in rates)], rows))


def _search_cell(result: Mapping[str, Any] | None, best: bool) -> str:
    if result is None:
        return DASH
    if result["status"] != "done":
        return f"diverged at {result['iteration']:,}"
    value = f"{100 * order.score(result):.2f}"
    return f"**{value}**" if best else value


def _experiment(study: Study, experiment: Experiment, found: Findings, results: order.Results) -> Iterator[str]:
    left = order.missing(study, experiment, results)
    if left:
        yield f"Not finished: {left:,} iterations are left.\n"
    yield f"{found.images['train']:,} training and {found.images['test']:,} test images, {len(found.groups)} groups.\n"
    for line in found.all_lines:
        for one in line.diverged:
            seed = one["settings"]["seed"]
            yield f"{title(line.method.name)} diverged with seed {seed} at iteration {one['iteration']:,}.\n"
    lines = found.lines
    if not lines:
        return
    yield table_formats.markdown(_summary(found, lines))
    yield f"![mAP of each group]({experiment.name}_groups.png)\n"
    yield table_formats.markdown(_by_group(found, lines))
    if len(lines) > 1:
        yield f"Clear differences from {title(lines[0].method.name)}, group by group: {_clear(found, lines)}.\n"
        yield f"![change against proportion]({experiment.name}_changes.png)\n"
    yield table_formats.markdown(_convergence(found, lines))
    yield f"![convergence]({experiment.name}_convergence.png)"


def _summary(found: Findings, lines: Sequence[Line]) -> Table:
    header = ["method", "rate", "sum of gamma", "seeds", "each seed", "mean mAP@50", "over seeds", "over queries"]
    if len(lines) > 1:
        header += [f"minus {title(lines[0].method.name)}", "over seeds", "over queries"]
    best = max(line.estimate().value for line in lines)
    rows = []
    for number, line in enumerate(lines):
        one = line.estimate()
        each = ", ".join(f"{100 * value:.2f}" for value in line.by_seed())
        value = f"{100 * one.value:.2f}"
        row = [title(line.method.name), f"{line.rate:g}", f"{line.gamma_sum:.2f}", str(len(line.runs)), each]
        row += [f"**{value}**" if one.value == best else value, _ends(one.seeds), _ends(one.queries)]
        if number:
            rows.append(row + _difference(findings.difference(line, lines[0])))
        else:
            rows.append(row + [DASH] * (len(header) - len(row)))
    references = [("untrained", [one["mean_map"] for one in found.untrained]), ("random", [found.random["mean_map"]])]
    for name, values in references:
        each = ", ".join(f"{100 * value:.2f}" for value in values)
        row = [name, DASH, DASH, str(len(values)), each, f"{100 * sum(values) / len(values):.2f}"]
        rows.append(row + [DASH] * (len(header) - len(row)))
    return Table(header, rows)


def _difference(one: Estimate) -> list[str]:
    value = f"{100 * one.value:+.2f}"
    return [f"**{value}**" if one.clear else value, _ends(one.seeds, "+"), _ends(one.queries, "+")]


def _ends(ends: tuple[float, float] | None, sign: str = "") -> str:
    return DASH if ends is None else f"{100 * ends[0]:{sign}.2f} to {100 * ends[1]:{sign}.2f}"


def _by_group(found: Findings, lines: Sequence[Line]) -> Table:
    """mAP of each group: mean over seeds, and half the width of the interval over seeds."""
    rows = []
    for group in found.groups:
        estimates = [line.estimate(group) for line in lines]
        best = max(one.value for one in estimates)
        cells = []
        for one in estimates:
            half = f" ± {100 * (one.seeds[1] - one.value):.1f}" if one.seeds else ""
            text = f"{100 * one.value:.2f}{half}" if one.value == one.value else DASH
            cells.append(f"**{text}**" if one.value == best else text)
        queries = lines[0].runs[0]["points"][-1]["queries"][group]
        name = markup.markdown(group)
        rows.append([name, f"{found.proportions[group]:.4f}", f"{queries:,}", *cells, _percent(found, group)])
    header = ["group", "proportion", "queries", *(title(line.method.name) for line in lines), "untrained"]
    return Table(header, rows)


def _percent(found: Findings, group: str) -> str:
    value = found.untrained_map(group)
    return f"{100 * value:.2f}" if value == value else DASH


def _clear(found: Findings, lines: Sequence[Line]) -> str:
    told = []
    for line in lines[1:]:
        better, worse = 0, 0
        for group in found.groups:
            one = findings.difference(line, lines[0], group)
            better += one.clear and one.value > 0
            worse += one.clear and one.value < 0
        told.append(f"{title(line.method.name)} better in {better}, worse in {worse}")
    return "; ".join(told)


def _convergence(found: Findings, lines: Sequence[Line]) -> Table:
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


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items()) or "as the paper's"
