"""The labels of the packed test images, and whether features are of these images."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from multiweight.base import done
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.features import features_file
from multiweight.gamma import weights
from multiweight.photos import image_source
from multiweight.records import records
from multiweight.records.catalog import Catalog


def load(dataset: Dataset) -> tuple[Catalog, list[str], np.ndarray]:
    """The catalog, and the keys and label vectors (n, L) bool of the packed test images, in the order of the LMDB."""
    catalog = Catalog.load(dataset.catalog)
    packed = records.read_packed(dataset.packed("test"), catalog)
    if not packed:
        raise UserError(f"{dataset.packed('test')}: no test images: pack the data again")
    labels = np.zeros((len(packed), catalog.size), dtype=bool)
    for row, (_, record) in zip(labels, packed):
        row[[catalog.index(group, label) for group, label in record.labels]] = True
    return catalog, [key for key, _ in packed], labels


def check_images(run: Run, path: Path, keys: list[str], expected: list[str]) -> None:
    """UserError unless the features (or outputs) at ``path``, with the keys ``found``, are of the images packed now.

    Another split may have as many images, and keys only count them.
    """
    packed, images = run.dataset.packed("test"), run.dataset.images("test")
    check_keys(keys, expected, path, packed)
    of = features_file.attributes(path).get("images_sha256")
    if of is not None and (images / "data.mdb").exists():
        now = hashlib.sha256(image_source.pack_identity(images, len(expected))).hexdigest()
        if of != now:
            raise UserError(f"{path}: of other images than {images} holds now: extract the features again")


def check_keys(keys: list[str], expected: list[str], features_path: Path, records_path: Path) -> None:
    """UserError unless features and records are of the same images in the same order."""
    if keys == expected:
        return
    what = f"{len(keys)} images where {records_path.name} has {len(expected)}"
    for at, (key, other) in enumerate(zip(keys, expected)):
        if key != other:
            what = f"key {key!r} at position {at} where {records_path.name} has {other!r}"
            break
    raise UserError(f"{features_path}: of other images than {records_path} ({what}): extract the features again")


def train_proportions(dataset: Dataset, catalog: Catalog) -> dict[str, float]:
    """r_t of each group, from the training split's counts in dataset.json."""
    counts = done.read(dataset.info).get("group_images", {})
    missing = [name for name in catalog.names if name not in counts]
    if missing:
        raise UserError(f"{dataset.info}: no count of group {missing[0]!r} in group_images: pack the data again")
    return weights.proportions({name: int(counts[name]) for name in catalog.names})
