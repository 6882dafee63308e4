"""Run one trial: write its net, train it, measure mAP@50 at each point, and leave one result file."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from multiweight.base import done, engine, hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.evaluate import evaluation, packed_labels
from multiweight.features import extraction
from multiweight.nets import recipe_files, recipes
from multiweight.nets.settings import NetSettings
from multiweight.paper.methods import BASELINE, RANDOM, UNTRAINED
from multiweight.study import order, parts
from multiweight.study.design import FILE, Study
from multiweight.study.order import FINAL, REFERENCES, SEARCH, Trial
from multiweight.train import training
from multiweight.train.log import Diverged

RESULTS = "results"


def path(study: Study, trial: Trial) -> Path:
    return study.folder / RESULTS / f"{trial.name}.json"


def precision_path(study: Study, name: str) -> Path:
    """Average precision of each query and group, (n, groups) float16, NaN where an image is no query of the group."""
    return study.folder / RESULTS / f"{name}.npz"


def results(study: Study) -> dict[str, dict[str, Any]]:
    """All finished trials by name; UserError where one is damaged, or was made with other settings than the study's."""
    folder = study.folder / RESULTS
    found = {file.stem: _read(file) for file in sorted(folder.glob("*.json"))}
    for experiment in study.experiments:
        for one in order.trials(study, experiment, found):
            if one.name in found:
                _check(study, one, found[one.name])
    return found


def _read(file: Path) -> dict[str, Any]:
    """A result with all that the report takes from it; UserError names the file and the key that it lacks."""
    found = done.read(file)

    def needs(values: Any, names: str, where: str = "") -> None:
        for name in names.split():
            if not isinstance(values, dict) or name not in values:
                raise UserError(
                    f"{file}: {where}key {name!r} is missing: remove that result, and the study runs it again"
                )

    needs(found, "status points settings seconds engine device processor images proportions")
    needs(found["settings"], "purpose seed", "settings: ")
    points = found["points"]
    if found["settings"]["purpose"] == REFERENCES:
        needs(found, "untrained random")
        points = [*(found["untrained"] or [None]), found["random"]]
    elif found["status"] == "done":
        needs(found, "gamma")
        points = points or [None]
    else:
        needs(found, "iteration")
    for point in points:
        needs(point, "iteration mean_map groups queries", "a point's ")
    return found


def settings(study: Study, trial: Trial) -> dict[str, Any]:
    """All that decides a trial, as its result keeps it."""
    own: dict[str, Any] = {
        "purpose": trial.purpose, "data": trial.data, "method": trial.method and trial.method.name,
        "rate": trial.rate, "seed": trial.seed, "iterations": trial.iterations,
        "dataset": study.dataset, "size": study.size,
        "net": {**study.net, **(trial.method.net if trial.method else {})},
    }  # fmt: skip
    experiment = next((one for one in study.experiments if parts.name(one) == trial.data), None)
    if experiment is not None and experiment.subset is not None:
        own["subset"] = asdict(experiment.subset)
    if experiment is not None and experiment.shop is not None:
        own["shop"] = asdict(experiment.shop.settings)
    if trial.data != parts.WHOLE or trial.purpose == SEARCH:
        own["split_seed"] = study.search.seed
    if trial.method is not None:
        method = trial.method
        _, head, scheme, c = recipes.choose(method.variant or method.name, method.scheme, method.c, method.rescale)
        own.update(head=head, scheme=scheme, c=c, rescale=method.rescale, drop=study.drop)
        if scheme.endswith(".csv"):
            own["scheme_sha256"] = done.sha256(Path(scheme))
    if trial.purpose == FINAL:
        own["points"] = study.points
    return own


def _check(study: Study, trial: Trial, found: dict[str, Any]) -> None:
    """UserError where a result's settings differ from the study's; what an older result does not tell is not asked."""
    told: dict[str, Any] = {name: found[name] for name in ("scheme", "c", "rescale") if name in found}
    if found["status"] == "done":
        told["points"] = len(found["points"])
    told.update(found["settings"])
    asked = settings(study, trial)
    for name, value in asked.items():
        for key, before, now in _changed(name, told.get(name, value), value, study.size):
            raise UserError(
                f"{path(study, trial)}: made with {key} {before!r}, and {study.folder / FILE} asks for {now!r}: put "
                "the setting back, or remove that result, and the trial's folder under --runs, to run it again"
            )


def _changed(name: str, before: Any, now: Any, size: int) -> Iterator[tuple[str, Any, Any]]:
    """What differs; a net setting that is not written has its default."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        if before != now:
            yield name, before, now
        return
    defaults = {**NetSettings().as_dict(), "crop": size * 7 // 8} if name == "net" else {}
    for key in dict.fromkeys([*before, *now]):
        old, new = (defaults.get(key) if one.get(key) is None else one[key] for one in (before, now))
        if old != new:
            yield f"{name} {key}", old, new


def run(study: Study, trial: Trial, runs: str | Path, caffe: ModuleType, device: str, show: bool = False) -> None:
    """Run ``trial`` and write its result; a training that diverges is a result too, with its iteration.

    A training that was stopped goes on from its last snapshot.
    """
    begun = time.time()
    dataset = parts.dataset(study, runs, trial.data, trial.purpose == SEARCH)
    if trial.purpose == REFERENCES:
        found = _references(study, dataset, caffe)
    else:
        found = _trained(study, trial, dataset, caffe, device, show)
    found.update(
        seconds=time.time() - begun, engine=engine.describe(caffe), device=device, processor=_processor(),
        threads=os.environ.get("OMP_NUM_THREADS"), versions=evaluation.versions(),
    )  # fmt: skip
    info = done.read(dataset.info)
    found.update(images=info["counts"], labels=info["labels"], proportions=_proportions(dataset))
    mark = path(study, trial)
    mark.parent.mkdir(parents=True, exist_ok=True)
    done.write(mark, settings(study, trial), found)


def _trained(
    study: Study, trial: Trial, dataset: Dataset, caffe: ModuleType, device: str, show: bool
) -> dict[str, Any]:
    own = _write(study, trial, dataset, caffe)
    written = done.read(own.settings)
    found = {name: written[name] for name in ("scheme", "c", "rescale", "gamma")}
    try:
        training.train(caffe, own, device=device, show=show)
    except Diverged as error:
        return {"status": "diverged", "iteration": error.iteration, "points": [], **found}
    measured = []
    for iteration in _points(study, trial):
        extraction.extract_run(caffe, own, iteration=iteration)
        measured.append(_measure(own, iteration))
    if trial.purpose == FINAL:
        precision = hdf5_file.numbers(own.retrieval, "ap", 2, "run the trial again").astype(np.float16)
        target = precision_path(study, trial.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.with_suffix(".part"), "wb") as part:
            np.savez_compressed(part, ap=precision)
        os.replace(target.with_suffix(".part"), target)
    for large in (own.features, own.retrieval):
        large.unlink(missing_ok=True)
    return {"status": "done", "points": measured, "training_seconds": done.read(own.training)["seconds"], **found}


def _points(study: Study, trial: Trial) -> list[int]:
    """The iterations measured: of a search the last alone."""
    count = study.points if trial.purpose == FINAL else 1
    return [trial.iterations * n // count for n in range(1, count + 1)]


def _write(study: Study, trial: Trial, dataset: Dataset, caffe: ModuleType) -> Run:
    method = trial.method
    assert method is not None
    solver = dict(
        iterations=trial.iterations, base_lr=trial.rate, seed=trial.seed, test_interval=_points(study, trial)[0],
        stepsize=max(1, int(trial.iterations * study.drop)), snapshot=_points(study, trial)[0],
    )  # fmt: skip
    recipe = recipes.for_dataset(
        dataset, method.variant or method.name, scheme=method.scheme, c=method.c, rescale=method.rescale,
        net={**study.net, **method.net}, solver=solver, name=trial.name,
    )  # fmt: skip
    recipe_files.write_run(caffe, recipe, dataset, f"tools/run_study.py {study.folder.name} --trial {trial.name}")
    return dataset.run(trial.name)


def _measure(own: Run, iteration: int) -> dict[str, Any]:
    evaluation.evaluate(own)
    found = done.read(own.evaluation)
    groups = {name: _rounded(values["map"]) for name, values in found["groups"].items()}
    queries = {name: values["queries"] for name, values in found["groups"].items()}
    return {"iteration": iteration, "mean_map": _rounded(found["mean_map"]), "groups": groups, "queries": queries}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _references(study: Study, dataset: Dataset, caffe: ModuleType) -> dict[str, Any]:
    """The multi-label net before training, with the initial weights of each seed, and a random ranking."""
    recipe = recipes.for_dataset(dataset, BASELINE, net=dict(study.net), solver=dict(iterations=1))
    own = dataset.run(BASELINE)
    if not own.settings.exists():
        recipe_files.write_run(caffe, recipe, dataset, f"tools/run_study.py {study.folder.name}")
    elif done.read(own.settings)["net"] != json.loads(json.dumps(recipe.net.as_dict())):
        raise UserError(f"{own.root}: a net with other settings than the study's: use another --runs, or move it")
    untrained = []
    for seed in study.seeds:
        run_ = dataset.run(UNTRAINED)
        extraction.extract_run(caffe, run_, seed=seed)
        untrained.append({"seed": seed, **_measure(run_, 0)})
    evaluation.evaluate(dataset.run(RANDOM))
    return {"status": "done", "untrained": untrained, "random": _measure(dataset.run(RANDOM), 0), "points": []}


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
    return f"{name}, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"
