"""What a study's results say: mAP of each method with intervals over seeds and over queries, rates, convergence.

Nothing here trains or searches: it reads the tables alone, so that every page can be written again from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from multiweight.base.errors import UserError
from multiweight.nets.settings import NetSettings
from multiweight.paper.methods import RANDOM, UNTRAINED
from multiweight.study import estimates, order, parts, thirds
from multiweight.study.design import Experiment, Method, Study
from multiweight.study.estimates import Estimate

#: Of which the mean is taken: mAP of retrieval, or of recognition.
MAP, RECOGNITION = "groups", "recognition"


@dataclass(frozen=True)
class Line:
    """What one method reached in an experiment: ``runs`` are its finished trials, lowest seed first."""

    method: Method
    rate: float
    runs: tuple[dict[str, Any], ...]
    diverged: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> list[int]:
        return [run["settings"]["seed"] for run in self.runs]

    @property
    def gamma_sum(self) -> float:
        return math.fsum(self.runs[0]["gamma"].values())

    def by_seed(self, groups: Sequence[str] | None = None, measure: str = MAP) -> np.ndarray:
        """The mean over ``groups`` (all) at the end, one value per seed; NaN where none of them was measured."""
        return np.array([mean_of(run.get(measure) or {}, groups) for run in self.runs])

    def resampled(self, part: str, seeds: Sequence[int] | None = None) -> np.ndarray | None:
        """The mean over runs (with one of ``seeds``) for each draw of the test images; None where one keeps none."""
        used = [run for run in self.runs if seeds is None or run["settings"]["seed"] in seeds]
        kept = [run.get("resamples", {}).get(part) for run in used]
        if not kept or any(values is None for values in kept):
            return None
        return np.mean(np.array(kept), axis=0)  # type: ignore[no-any-return]

    def estimate(self, group: str | None = None) -> Estimate:
        """Of the mean over groups, or of one group, whose queries are not drawn anew."""
        if group is not None:
            return estimates.estimate(self.by_seed([group]))
        return estimates.estimate(self.by_seed(), self.resampled(thirds.MEAN))

    def part(self, name: str, groups: Sequence[str]) -> Estimate:
        """Of the mean over a third of the groups."""
        return estimates.estimate(self.by_seed(groups), self.resampled(name))

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Iterations (p,) and mean mAP (seeds, p)."""
        points = [run["points"] for run in self.runs]
        return (
            np.array([point["iteration"] for point in points[0]]),
            np.array([[point["mean_map"] for point in run] for run in points]),
        )


@dataclass(frozen=True)
class Findings:
    """An experiment as far as it has run: a line per method, ``all_lines`` with those of which every run diverged.

    ``untrained`` are the references of the study's trunk, ``paper_untrained`` of the paper's (the same ones where it is
    the paper's).
    """

    experiment: Experiment
    all_lines: tuple[Line, ...]
    untrained: tuple[Mapping[str, Any], ...]
    paper_untrained: tuple[Mapping[str, Any], ...]
    random: Mapping[str, Any] | None

    @property
    def lines(self) -> list[Line]:
        """Those with a finished trial."""
        return [line for line in self.all_lines if line.runs]

    @property
    def best(self) -> Line:
        return max(self.lines, key=lambda line: line.estimate().value)

    @property
    def proportions(self) -> dict[str, float]:
        return dict(self.untrained[0]["proportions"])

    @property
    def images(self) -> dict[str, int]:
        return dict(self.untrained[0]["images"])

    @property
    def groups(self) -> list[str]:
        """By falling proportion, as in the paper's tables."""
        return thirds.by_size(self.proportions)[thirds.MEAN]

    def untrained_map(self, group: str | None = None) -> float:
        return float(
            np.mean([mean_of(result["groups"], None if group is None else [group]) for result in self.untrained])
        )


def mean_of(values: Mapping[str, float | None], groups: Sequence[str] | None = None) -> float:
    """The mean over ``groups`` (all) that have a value; NaN where none has."""
    known = [value for name in (values if groups is None else groups) if (value := values.get(name)) is not None]
    return math.fsum(known) / len(known) if known else math.nan


def read(study: Study, experiment: Experiment, results: order.Results) -> Findings | None:
    """What an experiment found so far; None before its references and the end of one of its trials are there."""
    data = parts.name(experiment)
    chosen = order.finalists(study, experiment, results)
    found = [
        _line(study, experiment, method, chosen[method.name], results)
        for method in experiment.methods if method.name in chosen
    ]  # fmt: skip
    lines = [line for line in found if line is not None]
    known = [(trial, results[trial.name]) for trial in order.references(study, data) if trial.name in results]

    def untrained(trunk: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(result for trial, result in known if (trial.purpose, trial.trunk) == (UNTRAINED, trunk))

    own = untrained(order.trunk(study))
    if not own or not lines:
        return None
    random = next((result for trial, result in known if trial.purpose == RANDOM), None)
    return Findings(experiment, tuple(lines), own, untrained(NetSettings.trunk), random)


def difference(
    first_line: Line,
    second_line: Line,
    groups: Sequence[str] | None = None,
    *,
    part: str | None = thirds.MEAN,
    measure: str = MAP,
    comparisons: int = 1,
) -> Estimate:
    """``one`` minus ``other``, seed by seed: equal seeds draw equal images in equal order.

    Of the mean over ``groups`` (all); ``part`` names the draws of the test images that belong to them, None where there
    are none. ``comparisons`` are read together.
    """
    shared = [seed for seed in first_line.seeds if seed in second_line.seeds]
    if not shared:
        raise UserError(
            f"{first_line.method.name} and {second_line.method.name} have no seed in common: run the study on"
        )
    first, second = (
        np.array([value for seed, value in zip(line.seeds, line.by_seed(groups, measure)) if seed in shared])
        for line in (first_line, second_line)
    )
    drawn = None
    if part is not None and measure == MAP:
        mine, others = first_line.resampled(part, shared), second_line.resampled(part, shared)
        drawn = None if mine is None or others is None else mine - others
    return estimates.estimate(first - second, drawn, comparisons)


def iterations_to(line: Line, level: float, start: float) -> float | None:
    """Iterations until the mean over seeds reaches ``level``, between two points on a straight line.

    ``start`` is the mAP before training. None where it is not reached.
    """
    iterations, values = line.curve()
    xs, ys = np.concatenate([[0], iterations]), np.concatenate([[start], values.mean(axis=0)])
    for n in range(1, len(xs)):
        if ys[n] >= level:
            if ys[n - 1] >= level:
                return float(xs[n - 1])
            return float(xs[n - 1] + (xs[n] - xs[n - 1]) * (level - ys[n - 1]) / (ys[n] - ys[n - 1]))
    return None


def chosen_rates(
    study: Study, experiments: Sequence[Experiment], results: order.Results
) -> dict[str, dict[str, dict[float, Any]]]:
    """Of each data part, each searched method's results by name and rate."""
    searches: dict[str, dict[str, dict[float, Any]]] = {}
    for experiment in experiments:
        if experiment.rate is None:
            name = parts.searched_on(experiment)
            data = searches.setdefault(name, {})
            for method in experiment.methods:
                searched = order.searched(study, name, method, results)
                if searched:
                    data[method.name] = searched
    return searches


def _line(study: Study, experiment: Experiment, method: Method, rate: float, results: order.Results) -> Line | None:
    trials = [order.final(study, experiment, method, rate, seed) for seed in study.seeds_of(experiment)]
    runs = [dict(results[trial.name]) for trial in trials if trial.name in results]
    if not runs:
        return None
    done = tuple(trial for trial in runs if trial["status"] == "done")
    return Line(method, rate, done, tuple(trial for trial in runs if trial["status"] != "done"))
