"""What the runs of one dataset left: evaluations, training logs and times, read once for the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multiweight.base import done
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.paper.methods import COMPARED, RANDOM, REFERENCES, in_order, title
from multiweight.train import log_rows


@dataclass(frozen=True)
class Log:
    """Training losses of one variant by iteration, each value a batch's mean over images.

    ``objective`` is what was minimised, sum_t gamma_t J_t; ``total`` the unweighted sum_t J_t, the same quantity for
    every method, or empty where the log does not tell it; ``test`` (iteration, total) of the test phase.
    """

    iterations: list[int] = field(default_factory=list)
    objective: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    test: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """One variant's results; ``training`` is train.json, {} where there is none (the reference rows)."""

    variant: str
    evaluation: Mapping[str, Any]
    training: Mapping[str, Any]
    log: Log

    @property
    def name(self) -> str:
        """As tables and figures show it."""
        return title(self.variant)

    @property
    def trained(self) -> bool:
        return self.variant not in REFERENCES

    @property
    def mean(self) -> float | None:
        """Mean mAP over the groups with queries, 0 to 1."""
        return self.evaluation["mean_map"]

    @property
    def gamma(self) -> Mapping[str, float]:
        return self.evaluation.get("gamma") or {}

    def map(self, group: str) -> float | None:
        """mAP of a group, 0 to 1, or None where it has no queries."""
        return self.evaluation["groups"][group]["map"]


def load(dataset: Dataset) -> list[Result]:
    """The evaluated variants of ``dataset``, the paper's methods first and the reference rows last.

    UserError when there is none, or when two were measured differently or on other test images: one table must not mix
    them.
    """
    evaluated = []
    for variant in in_order(dataset.variants()):
        run = dataset.run(variant)
        if run.evaluation.exists():
            evaluation = done.read(run.evaluation)
            _check(evaluation, run)
            training = done.read(run.training) if run.training.exists() else {}
            evaluated.append(Result(variant, evaluation, training, read_log(run, evaluation)))
    if not evaluated:
        raise UserError(f"{dataset.root}: no evaluation.json of any variant: run tools/evaluate.py (make evaluate)")
    first = next((r for r in evaluated if r.variant != RANDOM), evaluated[0])
    for other in evaluated:
        _check_same(first, other, dataset)
    return [r for r in evaluated if r.trained] + [r for name in REFERENCES for r in evaluated if r.variant == name]


def not_evaluated(dataset: Dataset) -> list[str]:
    """Variants that have settings but no evaluation."""
    return [name for name in in_order(dataset.variants()) if not dataset.run(name).evaluation.exists()]


def groups(results: Sequence[Result]) -> list[str]:
    """Group names by falling proportion, as the paper's tables have them; equal proportions in catalog order."""
    values = results[0].evaluation["groups"]
    return sorted(values, key=lambda name: -values[name]["proportion"])


def best(results: Sequence[Result], group: str) -> float | None:
    """The highest mAP of a group among ``results``, or None."""
    return max((value for r in results if (value := r.map(group)) is not None), default=None)


def best_counts(results: Sequence[Result]) -> dict[str, int]:
    """In how many groups each trained variant is the best; equals each count."""
    trained = [r for r in results if r.trained]
    names = groups(results)
    return {r.variant: sum(is_best(r.map(g), best(trained, g)) for g in names) for r in trained}


def lengths(results: Sequence[Result]) -> dict[str, int]:
    """Iterations of each trained variant that tells them; {} where they are alike."""
    told = {r.variant: n for r in results if r.trained and (n := r.training.get("iterations")) is not None}
    return told if len(set(told.values())) > 1 else {}


def problems(results: Sequence[Result]) -> list[str]:
    """One sentence for each trained variant whose mean mAP does not beat both the untrained net and the random ranking.

    Reference rows that are missing are no problem here; :func:`missing_references` tells them.
    """
    references = [r for r in results if not r.trained]
    trained = [r for r in results if r.trained]
    if not trained:
        return ["no trained method has been evaluated"]
    told = []
    for r in trained:
        for reference in references:
            if r.mean is None or reference.mean is None or not r.mean > reference.mean:
                told.append(
                    f"{r.name} has mean mAP {percent(r.mean)}, which does not beat {reference.name} with "
                    f"{percent(reference.mean)}"
                )
    return told


def missing_references(results: Sequence[Result]) -> list[str]:
    present = {r.variant for r in results}
    return [name for name in REFERENCES if name not in present]


def percent(value: float | None) -> str:
    """0.12345 -> 12.35, as the paper prints mAP; a dash where there is no value."""
    return "–" if value is None else f"{100 * value:.2f}"


def read_log(run: Run, evaluation: Mapping[str, Any]) -> Log:
    """log.csv of a run; an empty Log where there is none. UserError names the file and line of a broken row."""
    log = Log()
    gamma = (evaluation.get("gamma") or {}).values()
    for row in log_rows.read(run.log):
        parts = [name for name in row.cells if name.startswith("loss_")]
        loss, sums = float(row.cells["loss"] or "nan"), None
        if len(parts) == len(evaluation["groups"]):
            values = [float(row.cells[name] or "nan") for name in parts]
            sums = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
        # With every gamma 1 the objective is the unweighted sum, and multi_label logs nothing else.
        total = sums if sums is not None else loss if all(value == 1 for value in gamma) else None
        if row.phase == "test":
            if total is not None and math.isfinite(total):
                log.test.append((row.iteration, total))
        else:
            log.iterations.append(row.iteration)
            log.objective.append(loss)
            log.total.append(math.nan if total is None else total)
    if all(math.isnan(value) for value in log.total):
        log.total.clear()
    return log


def is_best(value: float | None, other: float | None) -> bool:
    """Whether a value is the best one, equal up to the rounding of a sum."""
    return value is not None and other is not None and abs(value - other) < 1e-12


def _check(evaluation: Mapping[str, Any], run: Run) -> None:
    for key in ("groups", "mean_map", "metric", "denominator", "k", "test"):
        if key not in evaluation:
            raise UserError(f"{run.evaluation}: key {key!r} is missing: evaluate {run.variant} again")


def _check_same(first: Result, second: Result, dataset: Dataset) -> None:
    for key in ("k", "denominator", "metric", "candidates"):
        values = {r.variant: r.evaluation.get(key, "all") for r in (first, second)}
        # A random ranking measures no distance.
        if len(set(values.values())) > 1 and not (key == "metric" and RANDOM in values):
            raise UserError(
                f"{dataset.root}: {first.variant} was evaluated with {key} {values[first.variant]}, "
                f"{second.variant} with {values[second.variant]}: evaluate both alike"
            )
    if RANDOM not in (first.variant, second.variant):
        _check_features(first, second, dataset)
    if first.evaluation["test"] != second.evaluation["test"] or set(first.evaluation["groups"]) != set(
        second.evaluation["groups"]
    ):
        raise UserError(
            f"{dataset.root}: {first.variant} and {second.variant} were evaluated on different test images or groups: "
            "evaluate both again"
        )


def _check_features(first: Result, second: Result, dataset: Dataset) -> None:
    """UserError where features are of other views, or of another blob than the run's own net is meant to give."""
    told = [r.evaluation.get("features") or {} for r in (first, second)]
    settings = [r.evaluation.get("settings") or {} for r in (first, second)]
    own = [s.get("retrieval_blob") or f.get("blob") for s, f in zip(settings, told)]
    differs = [name for name in ("blob", "views") if told[0].get(name) != told[1].get(name)]
    if "blob" in differs and all(f.get("blob") == blob for f, blob in zip(told, own)):
        differs.remove("blob")  # nets of different trunks
    if differs:
        name = differs[0]
        raise UserError(
            f"{dataset.root}: {first.variant} has features of {name} {told[0].get(name)}, {second.variant} of "
            f"{told[1].get(name)}: extract and evaluate both alike"
        )


def paper_methods(results: Sequence[Result]) -> list[Result]:
    """Those of Table II: multi_label, multi_task and multi_weight."""
    return [r for r in results if r.variant in COMPARED]
