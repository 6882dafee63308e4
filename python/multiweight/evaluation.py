"""Retrieval results of one variant on the test set: mAP for each group, as evaluation.json and retrieval.h5."""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from multiweight import features, measures, progress, records, retrieval, steps, weights
from multiweight.catalog import Catalog
from multiweight.errors import UserError
from multiweight.runs import METHODS, RANDOM, UNTRAINED, Dataset, Run


def evaluate(
    run: Run,
    *,
    metric: str = "cosine",
    denominator: str = "retrieved",
    k: int = retrieval.DEFAULT_K,
    seed: int = 1,
    show: bool = False,
) -> bool:
    """Write evaluation.json and retrieval.h5 of ``run``; False when they are there for the same features and options.

    The test images are both queries and candidates (Section IV-B). A run called ``random`` needs no features: its
    ranking is drawn with ``seed``. UserError when features and labels are not of the same images.
    """
    if denominator not in measures.DENOMINATORS:
        raise UserError(f"denominator {denominator!r} is unknown: expected one of {', '.join(measures.DENOMINATORS)}")
    if metric not in retrieval.METRICS:
        raise UserError(f"metric {metric!r} is unknown: expected one of {', '.join(retrieval.METRICS)}")
    if k < 1:
        raise UserError(f"k = {k}: expected 1 or more")
    dataset, started = run.dataset, time.time()
    catalog, keys, labels = load_labels(dataset)
    test = {
        "images": len(keys),
        "records_sha256": steps.sha256(dataset.packed("test")),
        "catalog_sha256": steps.sha256(dataset.catalog),
    }
    measure = {"metric": "random" if run.variant == RANDOM else metric, "denominator": denominator, "k": k}
    found = None if run.variant == RANDOM else features.load(run.features)
    source: dict[str, Any] = {"seed": seed}
    if found is not None:
        check_keys(found.keys, keys, run.features, dataset.packed("test"))
        names = ("blob", "weights", "weights_sha256", "inputs_sha256", "engine", "seconds")
        source = {name: found.attributes.get(name) for name in names}
        source["dimensions"] = int(found.values.shape[1])
        source["zero_features"] = len(features.zero_keys(found))
    settings = run_settings(run)
    asked = {"features": source, "test": test, **measure, "settings": settings}
    if run.retrieval.exists() and run.evaluation.exists():
        before = steps.read(run.evaluation)
        if all(before.get(name) == value for name, value in asked.items()):
            return False
    if found is None:
        indices = retrieval.random_k(len(keys), k, seed)
        scores = np.where(indices >= 0, np.float32(0), np.float32(-np.inf))
    else:
        indices, scores = _search(found, metric, k, show, run.features)
    groups = group_maps(labels, catalog, indices, denominator)
    proportions = train_proportions(dataset, catalog)
    for name, values in groups.items():
        values["proportion"] = proportions[name]
    evaluation = {
        "dataset": dataset.name,
        "variant": run.variant,
        "mean_map": mean_map(groups),
        **{name: settings.get(name) for name in ("scheme", "c", "rescale", "gamma")},
        **measure,
        "groups": groups,
        "engine": source.get("engine"),
        "features": source,
        "test": test,
        "settings": settings,
        "versions": versions(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.time() - started,
    }
    run.root.mkdir(parents=True, exist_ok=True)
    _write_retrieval(run.retrieval, indices, scores, measure)
    _write_json(run.evaluation, evaluation)
    return True


def group_maps(
    labels: np.ndarray, catalog: Catalog, indices: np.ndarray, denominator: str = "retrieved"
) -> dict[str, dict[str, Any]]:
    """For each group ``map`` (0 to 1, None without queries), ``queries`` and ``unanswered``.

    ``labels`` is (n, L) bool in catalog order, ``indices`` (n, k) the neighbours of every image. Queries of a group are
    the images with a label of it; candidates are all images; a result is relevant when it shares at least one label of
    the group. ``unanswered`` counts queries without a relevant result in their list, whose AP is 0.
    """
    result: dict[str, dict[str, Any]] = {}
    for name in catalog.names:
        part = labels[:, catalog.slices[name]]
        queries = np.flatnonzero(part.any(axis=1))
        if not len(queries):
            result[name] = {"map": None, "queries": 0, "unanswered": 0}
            continue
        relevant = measures.relevance(part, indices, queries)
        total = None if denominator == "retrieved" else measures.count_relevant(part, queries)
        precision = measures.average_precision(relevant, total, denominator)
        unanswered = int((~relevant.any(axis=1)).sum())
        result[name] = {"map": float(precision.mean()), "queries": len(queries), "unanswered": unanswered}
    return result


def mean_map(groups: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The mean over the groups that have queries, each counted once, as the paper's means; None without any."""
    known = [values["map"] for values in groups.values() if values["map"] is not None]
    return math.fsum(known) / len(known) if known else None


def load_labels(dataset: Dataset) -> tuple[Catalog, list[str], np.ndarray]:
    """The catalog, and the keys and label vectors (n, L) bool of the packed test images, in the order of the LMDB."""
    catalog = Catalog.load(dataset.catalog)
    packed = records.read_packed(dataset.packed("test"), catalog)
    if not packed:
        raise UserError(f"{dataset.packed('test')}: no test images: pack the data again")
    labels = np.zeros((len(packed), catalog.size), dtype=bool)
    for row, (_, record) in zip(labels, packed):
        row[[catalog.index(group, label) for group, label in record.labels]] = True
    return catalog, [key for key, _ in packed], labels


def check_keys(found: list[str], expected: list[str], features_path: Path, records_path: Path) -> None:
    """UserError unless features and records are of the same images in the same order."""
    if found == expected:
        return
    what = f"{len(found)} images where {records_path.name} has {len(expected)}"
    for at, (one, other) in enumerate(zip(found, expected)):
        if one != other:
            what = f"key {one!r} at position {at} where {records_path.name} has {other!r}"
            break
    raise UserError(f"{features_path}: of other images than {records_path} ({what}): extract the features again")


def train_proportions(dataset: Dataset, catalog: Catalog) -> dict[str, float]:
    """r_t of each group, from the training split's counts in dataset.json."""
    counts = steps.read(dataset.info).get("group_images", {})
    missing = [name for name in catalog.names if name not in counts]
    if missing:
        raise UserError(f"{dataset.info}: no count of group {missing[0]!r} in group_images: pack the data again")
    return weights.proportions({name: int(counts[name]) for name in catalog.names})


def run_settings(run: Run) -> dict[str, Any]:
    """settings.json of the run; of ``untrained``, the net settings of the multi-label run whose net it is."""
    if run.settings.exists():
        return steps.read(run.settings)
    base = run.dataset.run(METHODS[0]).settings
    if run.variant == UNTRAINED and base.exists():
        return {"net": steps.read(base).get("net"), "net_of": METHODS[0]}
    return {}


def versions() -> dict[str, str]:
    """Of this process: Python, NumPy, h5py, and the engine's libraries as far as they are installed and loaded."""
    loaded = {"python": platform.python_version(), "numpy": np.__version__, "h5py": h5py.__version__}
    for name in ("cv2", "google.protobuf"):
        try:
            loaded[name] = importlib.import_module(name).__version__
        except ImportError:
            continue
    return loaded


def _search(
    found: features.Features, metric: str, k: int, show: bool, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    zero = features.zero_keys(found)
    if len(zero) == len(found.keys):
        raise UserError(f"{path}: every feature is 0: the net has died; train again with a lower base_lr")
    with (progress.bar if show else progress.quiet)(total=len(found.keys), desc="retrieval", unit="image") as bar:
        return retrieval.top_k(found.values, k, metric, progress=bar.update)


def _write_retrieval(path: Path, indices: np.ndarray, scores: np.ndarray, measure: Mapping[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    with h5py.File(str(part), "w") as file:
        file.create_dataset("indices", data=indices.astype(np.int32))
        file.create_dataset("scores", data=scores.astype(np.float32))
        file.attrs.update(metric=measure["metric"], k=measure["k"])
    os.replace(str(part), str(path))


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(str(part), str(path))
