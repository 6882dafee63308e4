"""Retrieval results of one variant on the test set: mAP for each group, as evaluation.json and retrieval.h5."""

from __future__ import annotations

import importlib
import json
import math
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from multiweight.base import done, engine, lock, progress, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Run
from multiweight.evaluate import intervals, measures, packed_labels, recognition
from multiweight.evaluate.settings import DEFAULTS, Settings
from multiweight.features import extraction, features_file
from multiweight.paper.methods import BASELINE, RANDOM, UNTRAINED
from multiweight.records.catalog import Catalog
from multiweight.retrieval import nearest
from multiweight.retrieval.rows import Rows
from multiweight.retrieval.state import OtherSearch

#: How many images with features of zeros alone are listed by their key.
_NAMED = 5


@lock.scope
def evaluate(
    run: Run,
    chosen: Settings = DEFAULTS,
    *,
    show: bool = False,
) -> bool:
    """Write evaluation.json and retrieval.h5 of ``run``; False when they are there for the same features and options.

    The test images are the queries (Section IV-B). A run called ``random`` needs no features: its ranking is drawn with
    the seed. Where the run has probabilities.h5, recognition is scored too. Under torchrun all processes search, and
    the first writes.

    UserError when features and labels are not of the same images.
    """
    k, denominator, memory, half = chosen.k, chosen.denominator, chosen.memory << 20, chosen.float16
    metric, candidates, seed = chosen.metric, chosen.candidates, chosen.seed
    lock.hold(run.dataset.data, "evaluate", shared=True)
    dataset, started = run.dataset, time.time()
    catalog, keys, labels = packed_labels.load(dataset)
    features = None if run.variant == RANDOM else _existing(run)
    lock.hold(run.root, "evaluate", name=lock.RESULTS)
    test = {
        "images": len(keys),
        "records_sha256": done.sha256(dataset.packed("test")),
        "catalog_sha256": done.sha256(dataset.catalog),
    }
    measure = {
        "metric": "random" if run.variant == RANDOM else metric,
        "denominator": denominator,
        "k": k,
        "candidates": candidates,
    }
    settings = run_settings(run)
    with nearest.rows_of(features) as rows:
        source: dict[str, Any] = {"seed": seed}
        if rows is not None:
            packed_labels.check_images(run, run.features, rows.names, keys)
            source = _source(run, rows)
            if half:
                _check_float16(run.features, rows)
        outputs = done.sha256(run.probabilities) if run.probabilities.exists() else None
        asked = {"features": source, "test": test, **measure, "settings": settings, "probabilities_sha256": outputs}
        how: dict[str, Any] = dict(otherwise=done.Otherwise.MADE_AGAIN, made_with=done.read, show=show)
        before = done.finished(run.evaluation, asked, files=[run.retrieval], **how)
        if before is not None and (not half or "float16" in before):
            return False

        def search(only: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
            if rows is None:
                indices = nearest.random_k(len(keys) if only is None else len(only), k, seed)
                return indices, np.where(indices >= 0, np.float32(0), np.float32(-np.inf))
            whole = rows if only is None else _part(run.features, only)
            with (progress.bar if show else progress.quiet)(total=whole.n, desc="retrieval", unit="image") as bar:
                options: dict[str, Any] = dict(memory=memory, progress=bar.update)
                if only is not None:
                    return nearest.top_k(whole, k, metric, **options)
                try:
                    return nearest.top_k(whole, k, metric, state=run.search_state, **options)
                except OtherSearch as error:
                    # Left by an evaluation that was stopped, of other features or with other options.
                    error.path.unlink()
                    return nearest.top_k(whole, k, metric, state=run.search_state, **options)

        indices, scores, values = rank(labels, catalog, search, denominator, candidates)
        groups, mean, interval = summary(values, catalog)
        proportions = packed_labels.train_proportions(dataset, catalog)
        for name in catalog.names:
            groups[name]["proportion"] = proportions[name]
        evaluation = {
            "dataset": dataset.name,
            "variant": run.variant,
            "mean_map": mean,
            "mean_interval": interval,
            **{name: measures.mean_of(groups, name) for name in ("precision", "recall", "ndcg")},
            **{name: settings.get(name) for name in ("scheme", "c", "rescale", "gamma")},
            **measure,
            "groups": groups,
            "recognition": _recognise(run, catalog, keys, labels),
            "engine": source.get("engine"),
            **asked,
            "versions": versions(),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": time.time() - started,
        }
        if half and rows is not None:
            evaluation["float16"] = _float16(rows, labels, catalog, mean, (k, metric, memory), denominator)
    if engine.process() == 0:
        run.root.mkdir(parents=True, exist_ok=True)
        _write_retrieval(run.retrieval, indices, scores, values.ap, measure)
        _write_json(run.evaluation, evaluation)
    run.search_state.unlink(missing_ok=True)
    return True


def rank(
    labels: np.ndarray, catalog: Catalog, search: Any, denominator: str, candidates: str = "all"
) -> tuple[np.ndarray, np.ndarray, measures.Scores]:
    """(indices, scores, every measure) of all queries; ``search(rows)`` finds neighbours among ``rows`` (None: all).

    With ``candidates`` ``group`` a list holds, for each group, images of that group alone; the lists returned are still
    those among all images.
    """
    slices = [catalog.slices[name] for name in catalog.names]
    indices, scores = search(None)
    if candidates == "all":
        return indices, scores, measures.score(labels, slices, indices, denominator)
    combined: measures.Scores | None = None
    for g, part in enumerate(slices):
        in_group = np.flatnonzero(labels[:, part].any(axis=1))
        if not len(in_group):
            continue
        lists = np.full(indices.shape, -1, dtype=np.int64)
        neighbours = search(in_group)[0]
        lists[in_group] = np.where(neighbours >= 0, in_group[neighbours], -1)
        group_scores = measures.score(labels, slices, lists, denominator, [g])
        if combined is None:
            combined = group_scores
        for name in (*measures.MEASURES, "answered"):
            getattr(combined, name)[:, g] = getattr(group_scores, name)[:, g]
    if combined is None:
        combined = measures.score(labels, slices, indices, denominator)
    return indices, scores, combined


def summary(
    values: measures.Scores, catalog: Catalog
) -> tuple[dict[str, dict[str, Any]], float | None, list[float] | None]:
    """(what is known of each group, the mean mAP over groups with queries, its 95% interval).

    A group has ``map`` (0 to 1), ``interval`` (95%, bootstrap over images), ``precision``, ``recall`` and ``ndcg`` at
    k, all None without queries, ``queries``, and ``unanswered``: queries without a relevant result, whose AP is 0.
    """
    columns = {name: measures.means(getattr(values, name)) for name in measures.MEASURES}
    ends = intervals.bootstrap(values.ap)
    groups: dict[str, dict[str, Any]] = {}
    for g, name in enumerate(catalog.names):
        queries = int((~np.isnan(values.ap[:, g])).sum())
        groups[name] = {
            "map": columns["ap"][g],
            "interval": [float(ends.low[g]), float(ends.high[g])] if queries else None,
            **{other: columns[other][g] for other in ("precision", "recall", "ndcg")},
            "queries": queries,
            "unanswered": queries - int(values.answered[:, g].sum()),
        }
    mean = measures.mean_of(groups, "map")
    return groups, mean, None if mean is None else list(ends.mean)


def run_settings(run: Run) -> dict[str, Any]:
    """settings.json of the run; of ``untrained``, the net settings of the multi-label run whose net it is."""
    if run.settings.exists():
        return done.read(run.settings)
    base = run.dataset.run(BASELINE).settings
    if run.variant == UNTRAINED and base.exists():
        return {"net": done.read(base).get("net"), "net_of": BASELINE}
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


def _existing(run: Run) -> Path:
    if not run.features.exists():
        raise run.absent(run.features, "extract the features first (make features)")
    return run.features


def _source(run: Run, rows: Rows) -> dict[str, Any]:
    """What features.h5 says of itself; UserError where every feature is 0."""
    attributes = features_file.attributes(run.features)
    names = ("blob", "weights", "weights_sha256", "inputs_sha256", "engine", "views", "seconds")
    zero = np.flatnonzero(rows.squares == 0).tolist()
    if len(zero) == rows.n:
        raise UserError(f"{run.features}: every feature is 0: the net has died; train again with a lower base_lr")
    named = [] if rows.names is None else [rows.names[row] for row in zero[:_NAMED]]
    return {
        **{n: attributes.get(n) for n in names}, "dimensions": rows.d, "zero_features": len(zero), "zero_keys": named,
    }  # fmt: skip


def _check_float16(path: Path, rows: Rows) -> None:
    """UserError where a feature is beyond float16, before a search of hours rather than after it."""
    most = float(np.finfo(np.float16).max)
    beyond = [start + row for start, part in rows.parts() for row in np.flatnonzero((np.abs(part) > most).any(axis=1))]
    if beyond:
        raise UserError(f"{path}: values beyond float16's {most:g} in {rows.named(beyond)}: evaluate without --float16")


def _part(path: Path, rows: np.ndarray) -> Rows:
    """Some rows of a features file, in memory."""
    with features_file.opened(path) as (values, _, _):
        return Rows(features_file.rows(values, path, rows))


def _recognise(run: Run, catalog: Catalog, keys: list[str], labels: np.ndarray) -> dict[str, Any] | None:
    if not run.probabilities.exists():
        return None
    outputs = extraction.load(run.probabilities)
    packed_labels.check_images(run, run.probabilities, outputs.keys, keys)
    return recognition.scores(outputs.values, labels, catalog)


def _float16(
    rows: Rows, labels: np.ndarray, catalog: Catalog, mean: float | None, how: tuple[int, str, int], denominator: str
) -> dict[str, Any]:
    """The mean mAP of the features as float16 would store them, and how far it is from that of float32."""
    k, metric, memory = how
    with np.errstate(over="ignore"):
        rounded = np.concatenate([part.astype(np.float16) for _, part in rows.parts()])
    indices, _ = nearest.top_k(rounded.astype(np.float32), k, metric, memory=memory)
    slices = [catalog.slices[name] for name in catalog.names]
    known = [v for v in measures.means(measures.score(labels, slices, indices, denominator).ap) if v is not None]
    mean_map = math.fsum(known) / len(known) if known else None
    return {"mean_map": mean_map, "difference": None if mean_map is None or mean is None else mean_map - mean}


def _write_retrieval(
    path: Path, indices: np.ndarray, scores: np.ndarray, precisions: np.ndarray, measure: Mapping[str, Any]
) -> None:
    with whole_file.place(path) as part, h5py.File(str(part), "w") as file:
        file.create_dataset("indices", data=indices.astype(np.int32))
        file.create_dataset("scores", data=scores.astype(np.float32))
        file.create_dataset("ap", data=precisions.astype(np.float32), compression="gzip", compression_opts=1)
        file.attrs.update(measure)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    whole_file.write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
