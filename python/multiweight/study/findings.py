"""What a study's result files say: mAP of each method with intervals over seeds and over queries, rates, convergence.

Nothing here trains or searches: it reads the files in results/ alone, so that every table can be drawn again from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from multiweight.base.errors import UserError
from multiweight.evaluate import intervals
from multiweight.study import order, parts, trial
from multiweight.study.design import Experiment, Method, Study


@dataclass(frozen=True)
class Estimate:
    """A figure (0 to 1, or a difference of such) and its 95% intervals.

    ``seeds``: Student's t over the seeds, None for one seed; ``queries``: bootstrap over the test images of the average
    over seeds, None where the files of average precision are not there.
    """

    value: float
    seeds: tuple[float, float] | None = None
    queries: tuple[float, float] | None = None

    @property
    def clear(self) -> bool:
        """Whether both intervals leave out 0: of a difference, that it stands above what was measured by chance."""
        return all(ends is not None and (ends[0] > 0 or ends[1] < 0) for ends in (self.seeds, self.queries))


@dataclass(frozen=True)
class Line:
    """What one method reached in an experiment: ``runs`` are its finished trials, lowest seed first."""

    method: Method
    rate: float
    runs: tuple[dict[str, Any], ...]
    diverged: tuple[dict[str, Any], ...]
    precision: np.ndarray | None

    @property
    def seeds(self) -> list[int]:
        return [one["settings"]["seed"] for one in self.runs]

    @property
    def gamma_sum(self) -> float:
        return math.fsum(self.runs[0]["gamma"].values())

    def by_seed(self, group: str | None = None) -> np.ndarray:
        """mAP at the end, one value a seed: of a group (NaN without queries), or the mean over groups."""
        ends = [one["points"][-1] for one in self.runs]
        return np.array([end["mean_map"] if group is None else _number(end["groups"][group]) for end in ends])

    def estimate(self, group: str | None = None) -> Estimate:
        return _estimate(self.by_seed(group), self.precision, _place(self.runs[0], group))

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Iterations (p,) and mean mAP (seeds, p)."""
        points = [one["points"] for one in self.runs]
        return (
            np.array([point["iteration"] for point in points[0]]),
            np.array([[point["mean_map"] for point in one] for one in points]),
        )


@dataclass(frozen=True)
class Findings:
    """An experiment as far as it has run: a line a method, ``all_lines`` with those of which every run diverged."""

    experiment: Experiment
    all_lines: tuple[Line, ...]
    untrained: tuple[dict[str, Any], ...]
    random: dict[str, Any]
    proportions: dict[str, float]
    images: dict[str, int]

    @property
    def lines(self) -> list[Line]:
        """Those with a finished trial."""
        return [line for line in self.all_lines if line.runs]

    @property
    def groups(self) -> list[str]:
        """By falling proportion, as in the paper's tables."""
        return sorted(self.proportions, key=lambda name: -self.proportions[name])

    def untrained_map(self, group: str | None = None) -> float:
        values = [one["mean_map"] if group is None else _number(one["groups"][group]) for one in self.untrained]
        return float(np.mean(values))


def read(study: Study, experiment: Experiment, results: order.Results) -> Findings | None:
    """What an experiment found so far; None before its references and the end of one of its trials are there."""
    data = parts.name(experiment)
    references = results.get(order.Trial(order.REFERENCES, data).name)
    lines = []
    for method in experiment.methods:
        line = _line(study, experiment, method, results)
        if line is not None:
            lines.append(line)
    if references is None or not lines:
        return None
    return Findings(
        experiment, tuple(lines), tuple(references["untrained"]), references["random"], references["proportions"],
        references["images"],
    )  # fmt: skip


def difference(one: Line, other: Line, group: str | None = None) -> Estimate:
    """``one`` minus ``other``, seed by seed: equal seeds draw equal images in equal order."""
    shared = [seed for seed in one.seeds if seed in other.seeds]
    if not shared:
        raise UserError(f"{one.method.name} and {other.method.name} have no seed in common: run the study on")
    first, second = (
        np.array([value for seed, value in zip(line.seeds, line.by_seed(group)) if seed in shared])
        for line in (one, other)
    )
    precision = None
    if one.precision is not None and other.precision is not None and one.seeds == other.seeds:
        precision = one.precision - other.precision
    return _estimate(first - second, precision, _place(one.runs[0], group))


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


def _line(study: Study, experiment: Experiment, method: Method, results: order.Results) -> Line | None:
    data = parts.name(experiment)
    rate = experiment.rate or order.best_rate(study, data, method, results)
    if rate is None:
        return None
    trials = [order.final(study, experiment, method, rate, seed) for seed in study.seeds]
    found = [(one, dict(results[one.name])) for one in trials if one.name in results]
    done = [(one, result) for one, result in found if result["status"] == "done"]
    if not found:
        return None
    files = [trial.precision_path(study, one.name) for one, _ in done]
    precision = None
    if files and all(file.exists() for file in files):
        total = np.zeros(())
        for file in files:
            with np.load(file, allow_pickle=False) as stored:
                total = total + stored["ap"].astype(np.float64)
        precision = total / len(files)
    diverged = tuple(result for _, result in found if result["status"] != "done")
    return Line(method, rate, tuple(result for _, result in done), diverged, precision)


def _estimate(by_seed: np.ndarray, precision: np.ndarray | None, place: int | None) -> Estimate:
    value, seeds, queries = float(np.mean(by_seed)), None, None
    if len(by_seed) > 1:
        half = float(stats.t.ppf(0.975, len(by_seed) - 1) * np.std(by_seed, ddof=1) / math.sqrt(len(by_seed)))
        seeds = (value - half, value + half)
    if precision is not None and not math.isnan(value):
        ends = intervals.bootstrap(precision if place is None else precision[:, [place]])
        queries = ends.mean
    return Estimate(value, seeds, queries)


def _place(run: dict[str, Any], group: str | None) -> int | None:
    """The column of a group in the files of average precision: catalog order, which gamma and groups have too."""
    return None if group is None else list(run["points"][-1]["groups"]).index(group)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def chosen_rates(
    study: Study, experiments: Sequence[Experiment], results: order.Results
) -> dict[str, dict[str, dict[float, Any]]]:
    """Of each data part, each searched method's results by name and rate."""
    found: dict[str, dict[str, dict[float, Any]]] = {}
    for experiment in experiments:
        if experiment.rate is None:
            data = found.setdefault(parts.name(experiment), {})
            for method in experiment.methods:
                searched = order.searched(study, parts.name(experiment), method, results)
                if searched:
                    data[method.name] = searched
    return found
