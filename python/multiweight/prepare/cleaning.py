"""Cleaning: labels that contradict each other, records without a label, photos that are no product; with a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Callable

import numpy as np

from multiweight.base import done, lock
from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.base.paths import Dataset
from multiweight.base.progress import bar
from multiweight.datasets import importing
from multiweight.photos.images import ImageFolder
from multiweight.photos.near_duplicates import Fingerprints, fingerprints
from multiweight.records import bad_images, records
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record

BLANK = 2.0  # standard deviation of grey levels below which a photo shows nothing
MIN_IMAGES = 20


@dataclass(frozen=True)
class Settings:
    """What is left out."""

    exclusive: float = setting(
        0.98, "share of a group's images with one label alone from which two contradict each other"
    )
    repeats: int = setting(5, "of so many products, the same photo is a placeholder")
    keep_unlabelled: bool = setting(False, "keep records that carry no label")


DEFAULTS = Settings()


def exclusive_groups(items: Sequence[Record], share: float) -> set[str]:
    """Groups of at least 20 images of which at least ``share`` carry one label of the group alone."""
    carrying: Counter[str] = Counter()
    single: Counter[str] = Counter()
    for item in items:
        for group, count in Counter(group for group, _ in item.labels).items():
            carrying[group] += 1
            single[group] += count == 1
    return {group for group, n in carrying.items() if n >= MIN_IMAGES and single[group] >= share * n}


def clean(
    items: Sequence[Record], prints: Fingerprints, settings: Settings = DEFAULTS
) -> tuple[list[Record], list[BadImage], list[BadImage]]:
    """(records kept, records left out, labels taken away), the last two with reasons.

    Where two labels of an exclusive group stand on one image, both become unknown: which is wrong cannot be told.
    """
    groups = exclusive_groups(items, settings.exclusive)
    products: dict[tuple[int, bytes], set[str]] = {}
    keys = [(int(prints.hashes[n]), prints.thumbnails[n].tobytes()) for n in range(len(items))]
    for item, key in zip(items, keys):
        products.setdefault(key, set()).add(item.product)
    kept, left, taken = [], [], []
    for n, item in enumerate(items):
        counts = Counter(group for group, _ in item.labels if group in groups)
        for group in sorted(group for group, count in counts.items() if count > 1):
            named = ", ".join(label for name, label in item.labels if name == group)
            taken.append(BadImage(item.image, item.product, "clean", f"{group}: {named} contradict each other"))
            item = item._replace(
                labels=tuple(pair for pair in item.labels if pair[0] != group),
                unknown=(*(pair for pair in item.unknown if pair != (group, records.ALL)), (group, records.ALL)),
            )
        reason = ""
        if prints.readable[n] and prints.spread[n] < BLANK:
            reason = "a blank photo"
        elif prints.readable[n] and len(products[keys[n]]) >= settings.repeats:
            reason = f"no product: the same photo stands for {len(products[keys[n]])} products"
        elif not item.labels and not settings.keep_unlabelled:
            reason = "no label"
        if reason:
            left.append(BadImage(item.image, item.product, "clean", reason))
        else:
            kept.append(item)
    return kept, left, taken


@lock.scope
def clean_dataset(
    dataset: Dataset,
    settings: Settings = DEFAULTS,
    overwrite: bool = False,
    progress: Callable[..., Any] = bar,
) -> tuple[dict[str, Any], bool]:
    """Write ``records_cleaned.csv``, which the next steps take, from a dataset's ``records.csv``.

    ``cleaned.csv`` lists every record left out and every label taken away, with the reason. Returns the contents of
    ``clean.json`` and whether anything was done.
    """
    source = dataset.records
    wanted = {**asdict(settings), "records_sha256": done.sha256(source), **importing.photos_of(dataset)}
    finished = done.finished(dataset.clean_mark, wanted, overwrite)
    if finished is not None:
        return finished, False
    lock.hold(dataset.data, "clean-dataset")
    catalog = Catalog.load(dataset.catalog)
    items = records.read(source, catalog)
    folder = done.read(dataset.import_mark)["settings"]["folder"]
    with ImageFolder(folder) as images:
        prints = fingerprints(images, items, progress)
    kept, left, taken = clean(items, prints, settings)
    if not kept:
        raise UserError(f"{source}: cleaning would leave no record: the first, {left[0].image}: {left[0].reason}")
    (dataset.clean_mark).unlink(missing_ok=True)
    bad_images.write(dataset.cleaned, [*left, *taken])
    records.write(dataset.cleaned_records, kept)
    reasons = Counter(item.reason.split(":")[0] for item in left)
    result = {
        "records": len(items),
        "kept": len(kept),
        "left_out": dict(reasons),
        "labels_taken": dict(Counter(item.reason.split(":")[0] for item in taken)),
        "unreadable": int(np.count_nonzero(~prints.readable)),
        "exclusive_groups": sorted(exclusive_groups(items, settings.exclusive)),
    }
    done.write(dataset.clean_mark, wanted, result)
    return done.read(dataset.clean_mark), True
