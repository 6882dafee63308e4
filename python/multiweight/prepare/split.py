"""Train and test: by product, each group's and label's share kept, from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from multiweight.base import csv_file, done, lock, markup
from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.photos import near_duplicates
from multiweight.photos.images import ImageFolder
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record

PARTS = ("train", "test")
TEST_FRACTION = 0.268  # 392,537 of 1,462,438 images (IV-A)


@dataclass(frozen=True)
class Settings:
    """How records are divided into train and test; of ``near_duplicates`` and ``dedupe`` one at most."""

    test_fraction: float = setting(TEST_FRACTION, "share of images, 0 to 1, for the test part")
    seed: int = setting(1, "seed of the random order of products")
    given: bool = setting(False, "take the source's own division instead (partition.csv)")
    near_duplicates: bool = setting(False, "report photos of test that look like one of train")
    dedupe: bool = setting(False, "keep products of near-duplicate photos on one side")

    def __post_init__(self) -> None:
        if self.near_duplicates and self.dedupe:
            raise UserError("near_duplicates reports what dedupe takes away: give one of them (of make: DEDUPE=)")

    @property
    def duplicates(self) -> str:
        """As :func:`split_dataset` takes it."""
        return "dedupe" if self.dedupe else "report" if self.near_duplicates else "ignore"


DUPLICATES = ("ignore", "report", "dedupe")
ALL = ("", "")  # a label that every image has: it keeps the share of all images
MIN_IMAGES = 20  # a label's deviation is reported from so many images on: below, a share means little


def split(
    items: Sequence[Record],
    test_fraction: float = TEST_FRACTION,
    seed: int = 1,
    together: Mapping[str, str] | None = None,
) -> tuple[list[Record], list[Record]]:
    """Records of train and of test, each in the order of ``items``; a product's images are never on both sides.

    ``together`` maps a product to the name of those it must stay with (default: itself).

    In random order, those with the rarest labels first, each product goes to the side that brings the share of test
    images of its groups and labels nearest to ``test_fraction`` (above 0, below 1). Then, where a group or label of
    two products or more stands on one side alone, a product is moved over, as far as no other loses its side by it;
    a group may take a label's. Last, the share of all images is brought back to ``test_fraction``.
    """
    if not 0 < test_fraction < 1:
        raise UserError(f"test fraction {test_fraction}: expected a number above 0 and below 1")
    products: dict[str, Counter[tuple[str, str]]] = {}
    unit = (together or {}).get
    for item in items:
        carried = products.setdefault(unit(item.product, item.product), Counter())
        carried.update(item.labels)
        carried.update((group, "") for group in item.groups)
        carried[ALL] += 1
    if len(products) < 2:
        raise UserError(f"{len(products)} product(s) in the records: a split by product needs at least two")
    test = _balanced(products, test_fraction, seed)
    sides = _Sides(products, test)
    sides.fill()
    sides.level(test_fraction)
    parts: tuple[list[Record], list[Record]] = ([], [])
    for item in items:
        parts[unit(item.product, item.product) in test].append(item)
    return parts


def _balanced(products: dict[str, Counter[tuple[str, str]]], fraction: float, seed: int) -> set[str]:
    total: Counter[tuple[str, str]] = Counter()
    for carried in products.values():
        total.update(carried)
    names = list(products)
    # RandomState, not Generator: its stream is the same in every NumPy.
    order = [names[n] for n in np.random.RandomState(seed).permutation(len(names))]
    order.sort(key=lambda name: min(total[label] for label in products[name]))
    excess: dict[tuple[str, str], float] = dict.fromkeys(total, 0.0)
    test = set()
    for name in order:
        # Sum over labels of (excess after)^2 / total, test minus train: the square's first-order part decides.
        gain = sum(
            (2 * excess[label] * n + n * n * (1 - 2 * fraction)) / total[label] for label, n in products[name].items()
        )
        to_test = gain < 0
        for label, n in products[name].items():
            excess[label] += n * (1 - fraction) if to_test else -n * fraction
        if to_test:
            test.add(name)
    return test


class _Sides:
    """Which products carry each label, on each side, while products move."""

    def __init__(self, products: dict[str, Counter[tuple[str, str]]], test: set[str]):
        self.products, self.test = products, test
        self.on: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
        for name, carried in products.items():
            for label in carried:
                self.on.setdefault(label, ([], []))[name in test].append(name)

    def loses(self, label: tuple[str, str], side: int) -> bool:
        """Whether a label that now stands on both sides would leave ``side`` with one product less."""
        return len(self.on[label][side]) == 1 and len(self.on[label][1 - side]) > 0

    def move(self, name: str) -> None:
        side = int(name in self.test)
        for label in self.products[name]:
            self.on[label][side].remove(name)
            self.on[label][1 - side].append(name)
        self.test.symmetric_difference_update({name})

    def fill(self) -> None:
        """Move a product for each group or label of two or more that stands on one side alone."""
        # Groups (label "") before single labels, the rare before the frequent.
        for label in sorted(self.on, key=lambda label: (label[1] != "", sum(map(len, self.on[label])), label)):
            for side in (0, 1):
                here, there = self.on[label][side], self.on[label][1 - side]
                if there or len(here) < 2:
                    continue
                for name in here:
                    # For a group, a label may lose its side: the label's own turn comes later.
                    others = [other for other in self.products[name] if label[1] or not other[1]]
                    if not any(self.loses(other, side) for other in others):
                        self.move(name)
                        break

    def level(self, fraction: float) -> None:
        """Bring the share of all images back to ``fraction``.

        Products of the fewest labels move first, and no label loses a side.
        """
        images = {name: carried[ALL] for name, carried in self.products.items()}
        excess = sum(images[name] for name in self.test) - fraction * sum(images.values())
        for name in sorted(self.products, key=lambda name: len(self.products[name])):
            side = int(name in self.test)
            after = excess - images[name] if side else excess + images[name]
            if abs(after) < abs(excess) and not any(self.loses(label, side) for label in self.products[name]):
                self.move(name)
                excess = after


def balance(train: Sequence[Record], test: Sequence[Record], catalog: Catalog) -> dict[str, Any]:
    """How well a split keeps its shares.

    ``images`` and ``products`` of each part, ``test_fraction`` of the images, and for each group its number of images
    in ``train`` and ``test``. ``largest_deviation``: the group, and the label of at least 20 images, whose share of
    test images is farthest from ``test_fraction``. ``one_sided``: groups and labels of two products or more that
    stand on one side alone.
    """
    counts = [Counter(), Counter()]  # type: list[Counter[tuple[str, str]]]
    owners: dict[tuple[str, str], set[str]] = {}
    for side, part in enumerate((train, test)):
        for item in part:
            for label in (*item.labels, *((group, "") for group in item.groups)):
                counts[side][label] += 1
                owners.setdefault(label, set()).add(item.product)
    fraction = len(test) / max(len(train) + len(test), 1)
    largest: dict[str, dict[str, Any]] = {}
    for label in sorted(owners):
        kind = "label" if label[1] else "group"
        images = counts[0][label] + counts[1][label]
        share = counts[1][label] / images
        if (kind == "group" or images >= MIN_IMAGES) and abs(share - fraction) > largest.get(kind, {}).get(
            "deviation", -1
        ):
            name = "=".join(label) if label[1] else label[0]
            largest[kind] = {"name": name, "images": images, "test_share": share, "deviation": abs(share - fraction)}
    one_sided = [
        "=".join(filter(None, x)) for x in sorted(owners) if len(owners[x]) > 1 and 0 in (counts[0][x], counts[1][x])
    ]
    products = [{item.product for item in part} for part in (train, test)]
    return {
        "images": {"train": len(train), "test": len(test)},
        "products": {name: len(part_products) for name, part_products in zip(PARTS, products)},
        "products_on_both_sides": len(products[0] & products[1]),
        "test_fraction": fraction,
        "groups": {name: {"train": counts[0][name, ""], "test": counts[1][name, ""]} for name in catalog.names},
        "largest_deviation": largest,
        "one_sided": one_sided,
    }


@lock.scope
def split_dataset(
    dataset: Dataset,
    test_fraction: float = TEST_FRACTION,
    seed: int = 1,
    overwrite: bool = False,
    given: bool = False,
    duplicates: str = "ignore",
    progress: Callable[..., Any] = quiet,
) -> tuple[dict[str, Any], bool]:
    """Write ``train.csv`` and ``test.csv`` of a dataset's records, cleaned where they have been.

    ``given`` takes the source's own division (``partition.csv``) instead. ``duplicates``: ``report`` counts photos of
    test that have a near-duplicate in train and writes ``near_duplicates.csv``; ``dedupe`` keeps the products of
    near-duplicate photos on one side. Returns the contents of ``split.json``, which is :func:`balance` and the
    settings, and whether anything was done.
    """
    if duplicates not in DUPLICATES or (given and duplicates == "dedupe"):
        raise UserError(
            f"duplicates {duplicates!r}: expected one of {', '.join(DUPLICATES)}; no dedupe with a given split"
        )
    settings = {
        "test_fraction": None if given else test_fraction,
        "seed": None if given else seed,
        "duplicates": duplicates,
        "records_sha256": done.sha256(dataset.used_records),
        **({"partition_sha256": done.sha256(dataset.partition)} if given else {}),
        **(importing.photos_of(dataset) if duplicates != "ignore" else {}),
    }
    finished = done.finished(dataset.split_mark, settings, overwrite)
    if finished is not None:
        return finished, False
    lock.hold(dataset.data, "split")
    catalog = Catalog.load(dataset.catalog)
    items = records.read(dataset.used_records, catalog)
    close = _near(dataset, items, progress) if duplicates != "ignore" else None
    if given:
        train, test = _given(dataset, items)
    else:
        together = near_duplicates.clusters(items, close) if duplicates == "dedupe" and close is not None else None
        train, test = split(items, test_fraction, seed, together)
    result = balance(train, test, catalog)
    (dataset.split_mark).unlink(missing_ok=True)
    if close is not None:
        result["near_duplicates"] = _report(dataset, items, close, test)
    for part, chosen in zip(PARTS, (train, test)):
        records.write(dataset.split(part), chosen)
    done.write(dataset.split_mark, settings, result)
    return done.read(dataset.split_mark), True


def _near(dataset: Dataset, items: Sequence[Record], progress: Callable[..., Any]) -> np.ndarray:
    folder = done.read(dataset.import_mark)["settings"]["folder"]
    with ImageFolder(folder) as images:
        return near_duplicates.pairs(near_duplicates.fingerprints(images, items, progress))


def _given(dataset: Dataset, items: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    part_of = {}
    for line, row in list(csv_file.rows(dataset.partition))[1:]:
        if len(row) != 2 or row[1] not in PARTS:
            raise UserError(f"{dataset.partition}:{line}: expected an image and train or test")
        part_of[markup.from_cell(row[0])] = row[1]
    missing = next((item.image for item in items if item.image not in part_of), None)
    if missing is not None:
        raise UserError(f"{dataset.partition}: no part for image {missing!r}: import the dataset again")
    train, test = ([item for item in items if part_of[item.image] == part] for part in PARTS)
    if not train or not test:
        raise UserError(f"{dataset.partition}: {len(train)} train and {len(test)} test images: both are needed")
    return train, test


def _report(dataset: Dataset, items: Sequence[Record], close: np.ndarray, test: Sequence[Record]) -> dict[str, int]:
    """Write the near-duplicates that the split tears apart; their counts."""
    tested = {item.image for item in test}
    torn = [(items[int(a)].image, items[int(b)].image) for a, b in close]
    torn = sorted((b, a) if a in tested else (a, b) for a, b in torn if (a in tested) != (b in tested))
    csv_file.write(dataset.near_duplicates, PARTS, torn)
    return {"pairs": len(close), "pairs_across": len(torn), "test_images": len({b for _, b in torn})}
