"""What the page shows of photos: chosen queries, their first results by each method, and what they share."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from multiweight.base import engine, hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.evaluate import packed_labels
from multiweight.photos import image_source
from multiweight.report.comparisons import precisions
from multiweight.report.results import Result

RESULTS = 10
SIDE = 96


def collect(
    caffe: Any,
    dataset: Dataset,
    evaluated: Sequence[Result],
    each: int,
    failures: bool,
    keys: Sequence[str] = (),
    seed: int = 1,
) -> dict[str, Any] | None:
    """The gallery's data, ready for JSON; None where no evaluated method has lists or the images are not there.

    For each group ``each`` queries: those with the lowest mean AP of the trained methods if ``failures``, else a seeded
    choice; with ``keys`` exactly these queries, in every group of which they have a label. UserError: an unknown key.
    """
    shown = [r for r in evaluated if precisions(dataset, r.variant) is not None]
    if not shown or not (dataset.images("test") / "data.mdb").exists():
        return None
    catalog, names, labels = packed_labels.load(dataset)
    unknown = [key for key in keys if key not in names]
    if unknown:
        raise UserError(f"no test image has the key {unknown[0]!r}: {dataset.packed('test')} lists them")
    ap = {r.variant: precisions(dataset, r.variant) for r in shown}
    for variant, values in ap.items():
        if values is not None and values.shape != (len(names), len(catalog.names)):
            raise UserError(f"{dataset.run(variant).retrieval}: of other images: evaluate {variant} again")
    judged = [ap[r.variant] for r in shown if r.trained] or list(ap.values())
    mean_ap = np.mean([precisions_of for precisions_of in judged if precisions_of is not None], axis=0)
    generator = np.random.default_rng(seed)
    queries: dict[str, list[int]] = {}
    for g, group in enumerate(catalog.names):
        mine = np.flatnonzero(~np.isnan(mean_ap[:, g]))
        if keys:
            chosen = [names.index(key) for key in keys if names.index(key) in set(mine.tolist())]
        elif failures:
            chosen = mine[np.argsort(mean_ap[mine, g], kind="stable")][:each].tolist()
        else:
            chosen = sorted(generator.choice(mine, min(each, len(mine)), replace=False).tolist())
        if chosen:
            queries[group] = chosen
    used: set[int] = {q for chosen in queries.values() for q in chosen}
    lists: dict[str, dict[int, list[int]]] = {}
    for r in shown:
        path, again = dataset.run(r.variant).retrieval, f"delete it and evaluate {r.variant} again"
        indices = hdf5_file.numbers(path, "indices", 2, again, RESULTS)
        if len(indices) != len(names) or indices.max(initial=-1) >= len(names):
            raise UserError(f"{path}: its lists are of other images: {again}")
        lists[r.variant] = {q: [int(i) for i in indices[q] if i >= 0] for q in sorted(used)}
    everyone = used | {
        i for precisions_of in lists.values() for neighbours in precisions_of.values() for i in neighbours
    }
    pictures = thumbnails(caffe, dataset, sorted(everyone))
    return {
        "methods": [{"id": r.variant, "name": r.name} for r in shown],
        "groups": list(queries),
        "catalog": {group.name: list(group.labels) for group in catalog.groups if group.name in queries},
        "queries": queries,
        "lists": lists,
        "ap": {
            variant: {
                group: [_shown(values[q, catalog.names.index(group)]) for q in chosen]
                for group, chosen in queries.items()
            }
            for variant, values in ap.items()
            if values is not None
        },
        "images": {
            str(i): {"key": names[i], "src": pictures[i], "labels": _labels(labels[i], catalog)}
            for i in sorted(everyone)
        },
    }


def _labels(row: np.ndarray, catalog: Any) -> dict[str, list[int]]:
    carried = {group.name: np.flatnonzero(row[catalog.slices[group.name]]).tolist() for group in catalog.groups}
    return {name: values for name, values in carried.items() if values}


def _shown(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def thumbnails(caffe: Any, dataset: Dataset, rows: Sequence[int]) -> dict[int, str]:
    """JPEG data addresses of some test images, by their position."""
    wanted, pictures = set(rows), {}
    source = image_source.LmdbImages(caffe, dataset.images("test"))
    try:
        for n, (where, pixels) in enumerate(source.images()):
            if n in wanted:
                pictures[n] = address(pixels, where)
    finally:
        source.close()
    return pictures


def address(pixels: np.ndarray, where: str) -> str:
    """Pixels (3, height, width) BGR, made small, as a data address; ``where`` is named in the error."""
    cv2 = importlib.import_module("cv2")
    picture = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    if max(picture.shape[:2]) > SIDE:
        picture = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not good:
        raise UserError(f"{where}: cannot be drawn: pack the images again")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def engine_of(name: str | None = None) -> Any:
    """The engine whose Datum reads the images; None where there is none, and so no gallery."""
    try:
        return engine.select(name)
    except UserError:
        return None
