"""Run one trial: write its net, train it, measure mAP@50 at each point, and add it to the study's tables."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from multiweight.base import done, engine, hdf5_file, lock, make_variables
from multiweight.base.cpu import cores
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.evaluate import evaluation, intervals, packed_labels
from multiweight.features import extraction
from multiweight.features.settings import Settings
from multiweight.nets import recipe_files, recipes
from multiweight.nets.settings import NetSettings
from multiweight.paper.methods import BASELINE, RANDOM
from multiweight.study import order, parts, table, thirds
from multiweight.study.design import FILE, Study
from multiweight.study.order import FINAL, REFERENCES, SEARCH, Trial
from multiweight.train import training
from multiweight.train.log import Diverged

RESULTS = "results"
#: Draws of the test images that are kept of each trial.
RESAMPLES = 500


def folder(study: Study) -> Path:
    """Where the tables of the study's results lie."""
    return study.folder / RESULTS


def results(study: Study) -> dict[str, dict[str, Any]]:
    """All finished trials by name; UserError where one is damaged, or was made with other settings than the study's."""
    older = next(folder(study).glob("*.json"), None)
    if older is not None:
        raise UserError(f"{older}: a result of an older design, one file a trial: remove such files, and run again")
    by_name = table.read(folder(study))
    for experiment in study.experiments:
        for trial in order.trials(study, experiment, by_name):
            if trial.name in by_name:
                _check(study, trial, by_name[trial.name])
    return by_name


def settings(study: Study, trial: Trial) -> dict[str, Any]:
    """All settings that a trial's result depends on, as the result records them."""
    values: dict[str, Any] = {
        "purpose": trial.purpose, "data": trial.data, "method": trial.method and trial.method.name,
        "rate": trial.rate, "seed": trial.seed, "iterations": trial.iterations,
        "dataset": study.dataset, "size": study.size,
        "net": {**study.net, **(trial.method.net if trial.method else {})},
    }  # fmt: skip
    if trial.trunk:
        values["net"] = {**values["net"], "trunk": trial.trunk}
    experiment = next((member for member in study.experiments if parts.name(member) == trial.data), None)
    if experiment is not None and experiment.subset is not None:
        values["subset"] = asdict(experiment.subset)
    if experiment is not None and experiment.shop is not None:
        values["shop"] = asdict(experiment.shop.settings)
    if trial.data != parts.WHOLE or trial.purpose == SEARCH:
        values["split_seed"] = study.search.seed
    if trial.method is not None:
        method = trial.method
        _, head, scheme, c = recipes.choose(method.variant or method.name, method.scheme, method.c, method.rescale)
        values.update(head=head, scheme=scheme, c=c, rescale=method.rescale, drop=study.drop_of(trial.drop))
        if scheme.endswith(".csv"):
            values["scheme_sha256"] = done.sha256(Path(scheme))
    if trial.purpose == FINAL:
        values["points"] = study.measured(trial.iterations)
    return values


def _check(study: Study, trial: Trial, result: dict[str, Any]) -> None:
    """UserError where a result's settings differ from the study's, but for those that an older result lacks."""
    recorded, expected = result["settings"], json.loads(json.dumps(settings(study, trial)))
    for name, value in expected.items():
        for key, before, now in _changed(name, recorded.get(name, value), value, study.size):
            raise UserError(
                f"{folder(study) / table.TRIALS}: {trial.name}: made with {key} {before!r}, and {study.folder / FILE} "
                f"asks for {now!r}: put the setting back, or remove that row, and the trial's folder under "
                f"{make_variables.named('RUNS')}, to "
                "run it again"
            )


def _changed(name: str, before: Any, now: Any, size: int) -> Iterator[tuple[str, Any, Any]]:
    """What differs; a net setting that is not written has its default."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        if before != now:
            yield name, before, now
        return
    defaults = {**NetSettings().as_dict(), "crop": size * 7 // 8} if name == "net" else {}
    for key in dict.fromkeys([*before, *now]):
        old, new = (defaults.get(key) if values.get(key) is None else values[key] for values in (before, now))
        if old != new:
            yield f"{name} {key}", old, new


@lock.scope
def run(study: Study, trial: Trial, runs: str | Path, caffe: ModuleType, device: str, show: bool = False) -> None:
    """Run ``trial`` and add it to the tables; a training that diverges is a result too, with its iteration.

    A training that was stopped goes on from its last snapshot. Other trials of the study may run meanwhile, under any
    ``runs``; the same one may not.
    """
    lock.hold(folder(study), f"run-study --trial {trial.name}", name=f"{lock.IN_USE}_{trial.name}")
    begun = time.time()
    dataset = parts.dataset(study, runs, trial.data, trial.purpose == SEARCH)
    info = done.read(dataset.info)
    result: dict[str, Any] = {
        "settings": settings(study, trial), "status": "done", "images": info["counts"],
        "proportions": _proportions(dataset),
    }  # fmt: skip
    if trial.purpose in REFERENCES:
        result.update(_reference(study, trial, dataset, caffe))
    else:
        result.update(_trained(study, trial, dataset, caffe, device, show))
    result.update(
        seconds=time.time() - begun, engine=engine.describe(caffe), device=device, processor=_processor(),
        threads=os.environ.get("OMP_NUM_THREADS"), versions=evaluation.versions(),
    )  # fmt: skip
    table.add(folder(study), trial.name, result)
    _remove_snapshots(dataset.run(trial.name))


def _trained(
    study: Study, trial: Trial, dataset: Dataset, caffe: ModuleType, device: str, show: bool
) -> dict[str, Any]:
    trial_run = _write(study, trial, dataset, caffe)
    gamma = done.read(trial_run.settings)["gamma"]
    try:
        training.train(caffe, trial_run, device=device, show=show)
    except Diverged as error:
        return {"status": "diverged", "iteration": error.iteration, "points": [], "gamma": gamma}
    result: dict[str, Any] = {"points": []}
    for iteration in _points(study, trial):
        extraction.extract_run(caffe, trial_run, iteration=iteration)
        if trial.purpose == FINAL and iteration == trial.iterations:
            extraction.extract_run(caffe, trial_run, iteration=iteration, outputs=True)
        measured = _measure(trial_run, iteration)
        result["points"].append(measured.pop("point"))
    if trial.purpose == FINAL:
        result.update(measured, gamma=gamma, resamples=_resamples(trial_run))
    _remove_large(trial_run)
    return {**result, "training_seconds": done.read(trial_run.training)["seconds"]}


def _reference(study: Study, trial: Trial, dataset: Dataset, caffe: ModuleType) -> dict[str, Any]:
    """The multi-label net of the trial's trunk before training, with the initial weights of its seed; or a ranking
    drawn at random."""
    if trial.purpose == RANDOM:
        trial_run = dataset.run(RANDOM)
        measured = _measure(trial_run, 0)
    else:
        net = {**study.net, "trunk": trial.trunk}
        recipe = recipes.for_dataset(dataset, BASELINE, net=net, solver=dict(iterations=1), name=trial.name)
        recipe_files.write_run(caffe, recipe, dataset, f"tools/run_study.py {study.folder.name} --trial {trial.name}")
        trial_run = dataset.run(trial.name)
        extraction.extract_run(caffe, trial_run, Settings(seed=trial.seed), untrained=True)
        measured = _measure(trial_run, 0)
    result = {"points": [measured.pop("point")], **measured, "resamples": _resamples(trial_run)}
    _remove_large(trial_run)
    return result


def _points(study: Study, trial: Trial) -> list[int]:
    """The iterations measured: of a search the last alone."""
    return study.measured(trial.iterations) if trial.purpose == FINAL else [trial.iterations]


def _write(study: Study, trial: Trial, dataset: Dataset, caffe: ModuleType) -> Run:
    method = trial.method
    assert method is not None
    every = math.gcd(*_points(study, trial))
    solver = dict(
        iterations=trial.iterations, base_lr=trial.rate, seed=trial.seed, test_interval=every, snapshot=every,
        stepsize=max(1, int(trial.iterations * study.drop_of(trial.drop))),
    )  # fmt: skip
    recipe = recipes.for_dataset(
        dataset, method.variant or method.name, scheme=method.scheme, c=method.c, rescale=method.rescale,
        net={**study.net, **method.net}, solver=solver, name=trial.name,
    )  # fmt: skip
    recipe_files.write_run(caffe, recipe, dataset, f"tools/run_study.py {study.folder.name} --trial {trial.name}")
    return dataset.run(trial.name)


def _measure(trial_run: Run, iteration: int) -> dict[str, Any]:
    """The point, and of each group mAP, queries and, where the outputs are there, mean AP of its labels."""
    evaluation.evaluate(trial_run)
    evaluated = done.read(trial_run.evaluation)
    groups = evaluated["groups"]
    measured: dict[str, Any] = {
        "point": {"iteration": iteration, "mean_map": evaluated["mean_map"]},
        "groups": {name: values["map"] for name, values in groups.items()},
        "queries": {name: values["queries"] for name, values in groups.items()},
    }
    if evaluated["recognition"]:
        measured["recognition"] = {name: values["map"] for name, values in evaluated["recognition"].items()}
    return measured


def _resamples(trial_run: Run) -> dict[str, list[float]]:
    """The mean mAP of all groups, and of each third, over test images drawn anew."""
    precision = hdf5_file.numbers(trial_run.retrieval, "ap", 2, "run the trial again").astype(np.float64)
    proportions = _proportions(trial_run.dataset)
    means, names = intervals.drawn(precision, RESAMPLES), list(proportions)
    means_of = {}
    for part, groups in thirds.by_size(proportions).items():
        columns = means[:, [names.index(group) for group in groups]]
        columns = columns[:, ~np.isnan(columns).all(axis=0)]
        if columns.shape[1]:
            means_of[part] = columns.mean(axis=1).tolist()
    return means_of


def _remove_large(trial_run: Run) -> None:
    for path in (trial_run.features, trial_run.probabilities, trial_run.retrieval):
        path.unlink(missing_ok=True)


def _remove_snapshots(trial_run: Run) -> None:
    """Delete all snapshots but the last: the trial is finished, so its training will not be resumed."""
    last = trial_run.last_snapshot()
    for path in trial_run.snapshots.glob("*") if last is not None else ():
        if path != trial_run.snapshot(last or 0):
            path.unlink()


def _proportions(dataset: Dataset) -> dict[str, float]:
    catalog = packed_labels.load(dataset)[0]
    return {name: round(value, 6) for name, value in packed_labels.train_proportions(dataset, catalog).items()}


def _processor() -> str:
    """The processor's name where the system tells it, and the cores that this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {cores()} core{'s' * (cores() > 1)}"
