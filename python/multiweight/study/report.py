"""A study's report.md and figures, from its tables alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from multiweight.base import whole_file
from multiweight.base.errors import UserError
from multiweight.datasets.sample_shop import shop as sample_shop
from multiweight.paper.methods import title
from multiweight.report import table_formats
from multiweight.report.tables import DASH, Table, duration
from multiweight.study import drawings, findings, gate, grid, order, parts, tables, thirds, trial
from multiweight.study.design import Experiment, Study
from multiweight.study.findings import Findings, Line
from multiweight.study.grid import Grid

NAME = "report.md"


def write(study: Study) -> Path:
    """Write report.md and the figures of every experiment that has a finished trial; UserError where none has."""
    text = render(study)
    results = trial.results(study)
    for family in _families(study):
        shop_grid = grid.read(study, family, results)
        if shop_grid.done:
            grid.heat_map(study.folder / f"{family}_gains.png", shop_grid)
    for experiment in study.experiments:
        result = None if experiment.family else findings.read(study, experiment, results)
        if result is not None and result.lines:
            drawings.bars(study.folder / f"{experiment.name}_groups.png", result)
            drawings.changes(study.folder / f"{experiment.name}_changes.png", result)
            drawings.convergence(study.folder / f"{experiment.name}_convergence.png", result)
    target = study.folder / NAME
    whole_file.write(target, text)
    return target


def render(study: Study) -> str:
    """The text of report.md."""
    results = trial.results(study)
    by_experiment = [(e, findings.read(study, e, results)) for e in study.experiments]
    if not results:
        raise UserError(f"{trial.folder(study)}: no trial has run yet: run the study (make study)")
    lines = [
        f"# Study: {study.folder.name}",
        "",
        *_verdicts(study, by_experiment, results),
        "",
        *_head(study, results),
        "",
    ]
    lines += _rates(study, results)
    for family in _families(study):
        lines += ["", *_grid(study, grid.read(study, family, results), results)]
    for experiment, result in by_experiment:
        if experiment.family:
            continue
        lines += ["", f"## {experiment.name}", "", experiment.question, "", *_own_terms(study, experiment)]
        lines += _experiment(study, experiment, result, results) if result else _begun(study, experiment, results)
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _families(study: Study) -> list[str]:
    """The names of the experiments that run over shops, each once."""
    return list(dict.fromkeys(experiment.family for experiment in study.experiments if experiment.family))


def _grid(study: Study, shop_grid: Grid, results: order.Results) -> Iterator[str]:
    yield f"## {shop_grid.name}"
    yield ""
    yield shop_grid.question
    yield ""
    if not shop_grid.done:
        yield "Not run yet."
        return
    left = sum(order.missing(study, e, results) for e in study.experiments if e.family == shop_grid.name)
    if left:
        yield f"Not finished: {left:,} iterations are left.\n"
    shop = next(e.shop for e in study.experiments if e.family == shop_grid.name and e.shop)
    images = [result.images for result in shop_grid.done]
    counts = {part: sorted({count[part] for count in images}) for part in ("train", "test")}
    several = shop_grid.most > 1
    told = (*shop_grid.dials, "quality", *(["seed"] * several))
    fixed = {key: value for key, value in asdict(shop.settings).items() if key not in told}
    yield (
        f"Drawn shops{f', {shop_grid.most} at each position' * several}: {_said(fixed)}; "
        f"{counts['train'][0]:,} to {counts['train'][-1]:,} images to train with the shop's noisy labels, "
        f"{counts['test'][0]:,} to {counts['test'][-1]:,} to measure with the true ones. In brackets the method's "
        f"rate, chosen on noisy labels{', of the first shop alone,' * several} as above."
        f"{' Intervals and p are over shops.' * several}\n"
    )
    yield table_formats.markdown(grid.table(study, shop_grid))
    yield f"![gain over {' and '.join(shop_grid.dials) or 'the first method'}]({shop_grid.name}_gains.png)"


def _verdicts(
    study: Study, by_experiment: Sequence[tuple[Experiment, Findings | None]], results: order.Results
) -> Iterator[str]:
    """First of all, whether the nets of each experiment have learned."""
    for experiment, result in by_experiment:
        if not experiment.family:
            told = gate.check(study, result).verdict if result and result.lines else "not run yet"
            yield f"**{experiment.name}: {told}.**"
    for family in _families(study):
        shop_grid = grid.read(study, family, results)
        gates = grid.gates(study, shop_grid)
        if gates:
            best = max(gates.values(), key=lambda checked: checked.value)
            undertrained = sum(not checked.valid for checked in gates.values())
            told = best.verdict if not undertrained else (
                f"{gate.UNDERTRAINED} at {undertrained} of {len(gates)} positions "
                f"(best mean mAP@50 {100 * best.value:.2f})"
            )  # fmt: skip
            yield f"**{family}: {told}.**"


def _head(study: Study, results: order.Results) -> Iterator[str]:
    trained = [
        trial_result for trial_result in results.values() if trial_result["settings"]["purpose"] not in order.REFERENCES
    ]
    seconds = sum(trial_result["seconds"] for trial_result in results.values())
    yield "Written by `make study-report` from the tables in `results/`; `make study` runs what is not there yet."
    yield ""
    yield (
        f"{study.dataset}, {study.size} pixels; net: {_said(study.net)}; {study.iterations:,} iterations, the rate "
        f"divided by 10 after {study.drop:.0%} of them; seeds {', '.join(map(str, study.seeds))}."
    )
    for key in ("engine", "device", "processor"):
        yield f"{key.capitalize()}: {'; '.join(sorted({str(trial_result[key]) for trial_result in results.values()}))}."
    yield f"{len(trained)} trainings, {duration(seconds)} in all, as the sum over trials."
    yield ""
    yield (
        "mAP@50 in percent, at the end of training, over all test images (cosine, Eq. 10's denominator); means over "
        "groups and seeds. Intervals are 95%: over seeds by Student's t, over queries by drawing the test images anew "
        f"{trial.RESAMPLES} times. p of a difference is the larger of both ways' (of single groups and of "
        "recognition: over seeds), corrected by Holm for the differences of its column; below 0.05 it is called clear, "
        "and bold."
    )


def _rates(study: Study, results: order.Results) -> Iterator[str]:
    search = study.search
    yield "## Learning rates"
    yield ""
    yield (
        f"For each method the rate with the highest mean mAP@50 on a validation part of the training images, after "
        f"{search.iterations:,} iterations, seed {search.seed}; where the best lies at an edge, half or double it is "
        "tried too."
        + (
            f" The best {search.again} are trained with seed {search.seed + 1} too, and the mean counts."
            * (search.again > 0)
        )
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
        rates = sorted({rate for by_rate in methods.values() for rate in by_rate})
        rows = []
        for name, by_rate in methods.items():
            most = max(len(trials) for trials in by_rate.values())
            best = max(
                (rate for rate in by_rate if len(by_rate[rate]) == most),
                key=lambda rate: (order.mean_score(by_rate[rate]), -rate),
            )
            cells = [_search_cell(by_rate.get(rate), rate == best) for rate in rates]
            rows.append([title(name), *cells])
        yield f"\n{'All groups' if data == 'whole' else data}:\n"
        yield table_formats.markdown(Table(["method", *(f"{rate:g}" for rate in rates)], rows))


def _search_cell(trials: Sequence[Mapping[str, Any]] | None, best: bool) -> str:
    if trials is None:
        return DASH
    for trial_result in trials:
        if trial_result["status"] != "done":
            return f"diverged at {trial_result['iteration']:,}"
    value = f"{100 * order.mean_score(list(trials)):.2f}" + (f" ({len(trials)} seeds)" if len(trials) > 1 else "")
    return f"**{value}**" if best else value


def _own_terms(study: Study, experiment: Experiment) -> Iterator[str]:
    """Where an experiment's seeds, lengths, drop of the rate and number of finals are not the study's."""
    if experiment.seeds:
        yield f"Seeds {', '.join(map(str, experiment.seeds))}.\n"
    lengths = {study.length_of(experiment, method) for method in experiment.methods}
    if len(lengths) == 1 and lengths != {study.iterations}:
        yield f"{lengths.pop():,} iterations.\n"
    elif len(lengths) > 1:
        own = ", ".join(f"{title(name)} {length:,}" for name, length in experiment.lengths.items())
        yield f"Iterations: {own}; the others {study.iterations:,}.\n"
    if experiment.drop is not None:
        yield f"The rate is divided by 10 after {experiment.drop:.0%} of the iterations.\n"
    if experiment.finalists is not None:
        others = len(experiment.methods) - 1
        most = min(2 * experiment.finalists, others)
        again = f"; the {most} best were searched with a second seed" if study.search.again else ""
        yield (
            f"Of {others} methods beside {title(experiment.methods[0].name)}, the "
            f"{experiment.finalists} with the highest mAP in the search above are trained to the end{again}.\n"
        )


def _begun(study: Study, experiment: Experiment, results: order.Results) -> Iterator[str]:
    """What is known before the end of the first training: the nets before it."""
    left = order.missing(study, experiment, results)
    yield f"No method has been trained to the end yet: {left:,} iterations are left.\n"
    rows = [
        [
            reference.trunk or reference.purpose,
            str(reference.seed or DASH),
            f"{100 * order.score(results[reference.name]):.2f}",
        ]
        for reference in order.references(study, parts.name(experiment))
        if reference.name in results
    ]
    if rows:
        yield table_formats.markdown(Table(["untrained net of the trunk, or random", "seed", "mean mAP@50"], rows))


def _experiment(study: Study, experiment: Experiment, result: Findings, results: order.Results) -> Iterator[str]:
    left = order.missing(study, experiment, results)
    if left:
        yield f"Not finished: {left:,} iterations are left.\n"
    images = result.images
    yield f"{images['train']:,} training and {images['test']:,} test images, {len(result.groups)} groups.\n"
    for line in result.all_lines:
        for run in line.diverged:
            seed = run["settings"]["seed"]
            yield f"{title(line.method.name)} diverged with seed {seed} at iteration {run['iteration']:,}.\n"
    lines = result.lines
    if not lines:
        return
    opened = gate.check(study, result)
    yield f"Have the nets learned? {opened.verdict}:\n"
    yield table_formats.markdown(tables.conditions(opened))
    yield table_formats.markdown(tables.summary(result, lines))
    yield f"![mAP of each group]({experiment.name}_groups.png)\n"
    if len(lines) > 1:
        yield from _differences(experiment, result, lines)
    yield table_formats.markdown(tables.by_group(result, lines))
    yield table_formats.markdown(tables.convergence(result, lines))
    yield f"![convergence]({experiment.name}_convergence.png)"


def _differences(experiment: Experiment, result: Findings, lines: Sequence[Line]) -> Iterator[str]:
    missed = [
        against_first.missed for line in lines[1:]
        if (against_first := findings.difference(line, lines[0], comparisons=len(lines) - 1)).missed is not None
    ]  # fmt: skip
    if missed:
        yield (
            f"With {len(lines[0].seeds)} seeds, a difference of {100 * min(missed):.1f} to {100 * max(missed):.1f} "
            "points of the mean, by the spread of each method's, would have been found in 80 of 100 such studies.\n"
        )
    if len(result.groups) >= len(thirds.THIRDS):
        yield f"By size of the groups, and recognition; differences from {title(lines[0].method.name)}:\n"
        yield table_formats.markdown(tables.by_size(result, lines))
    first = title(lines[0].method.name)
    yield f"Clear differences from {first}, group by group: {tables.clear_groups(result, lines)}.\n"
    yield f"![change against proportion]({experiment.name}_changes.png)\n"


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items()) or "as the paper's"
