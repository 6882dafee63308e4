"""Two groups at a chosen ratio of images, as in Tables IV and V, from any imported dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Callable

import numpy as np

from multiweight.base import done, lock, make_variables
from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.base.paths import Dataset
from multiweight.records import records
from multiweight.records.catalog import Catalog, Group
from multiweight.records.records import Label, Record

KINDS = ("independent", "dependent")


@dataclass(frozen=True)
class Settings:
    """How the two groups' images are chosen."""

    ratio: float = setting(10.0, "images with --large for one with --small")
    kind: str = setting(
        "independent",
        "independent: no image has both (Table IV); dependent: those with --small have --large too (Table V)",
        KINDS,
    )
    seed: int = setting(1, "seed of the choice of products")


DEFAULTS = Settings()


def choose(items: Sequence[Record], large: str, small: str, ratio: float, kind: str, seed: int) -> list[Record]:
    """Records of which ``ratio`` times as many carry ``large`` as carry ``small``, as many as there can be.

    ``independent``: no image carries both (Coat and Pantsuit in Table IV); ``dependent``: what carries ``small``
    carries ``large`` too (Sleeve and Length of Sleeve in Table V). Products are taken in a seeded order, whole but for
    the last; the order of ``items`` is kept. UserError where a ratio cannot be had, with the counts.
    """
    if kind not in KINDS or not ratio >= 1 or large == small:
        raise UserError(
            f"{large}:{small} at {ratio:g}, {kind}: expected two groups, a ratio of 1 or more, and one of "
            f"{', '.join(KINDS)}"
        )
    only = [n for n, item in enumerate(items) if large in item.groups and small not in item.groups]
    both = [n for n, item in enumerate(items) if large in item.groups and small in item.groups]
    other = [n for n, item in enumerate(items) if large not in item.groups and small in item.groups]
    few = other if kind == "independent" else both
    share = ratio if kind == "independent" else ratio - 1
    count = min(len(few), int(len(only) / share) if share else len(few))
    if not count:
        raise UserError(
            f"{large}:{small} at {ratio:g}, {kind}: {len(only)} images carry {large} alone, "
            f"{len(other)} {small} alone, {len(both)} both: choose other groups or another ratio"
        )
    rng = np.random.RandomState(seed)
    taken = _take(items, few, count, rng) + _take(items, only, round(count * share), rng)
    return [items[n] for n in sorted(taken)]


def _take(items: Sequence[Record], pool: list[int], count: int, rng: np.random.RandomState) -> list[int]:
    products: dict[str, list[int]] = {}
    for n in pool:
        products.setdefault(items[n].product, []).append(n)
    names = list(products)
    ordered = [n for at in rng.permutation(len(names)) for n in products[names[at]]]
    return ordered[:count]


@lock.scope
def make(
    dataset: Dataset,
    target: Dataset,
    large: str,
    small: str,
    chosen: Settings = DEFAULTS,
    overwrite: bool = False,
) -> tuple[dict[str, Any], bool]:
    """Write ``target``, a dataset of the two groups alone, ready to be split; its photos stay where they are.

    Returns the contents of its ``subset.json`` and whether anything was done.
    """
    settings = {
        "from": dataset.name, "large": large, "small": small, **asdict(chosen),
        "records_sha256": done.sha256(dataset.used_records),
    }  # fmt: skip
    finished = done.finished(target.subset_mark, settings, overwrite)
    if finished is not None:
        return finished, False
    lock.hold(dataset.data, "make-subset", shared=True)
    lock.hold(target.data, "make-subset")
    if target.records.exists() and not overwrite:
        raise UserError(
            f"{target.records}: exists: choose another {make_variables.named('NAME')}, or "
            f"{make_variables.named('OVERWRITE')}"
        )
    catalog = Catalog.load(dataset.catalog)
    groups = [catalog.group(name) for name in (large, small)]
    items = choose(records.read(dataset.used_records, catalog), large, small, chosen.ratio, chosen.kind, chosen.seed)
    kept = [_keep(item, lambda pair: pair[0] in (large, small)) for item in items]
    carried = {pair for item in kept for pair in item.labels}
    made = Catalog(
        [Group(g.name, tuple(label for label in g.labels if (g.name, label) in carried), g.kind) for g in groups]
    )
    known = {(group.name, label) for group in made.groups for label in (*group.labels, records.ALL)}
    origin = done.read(dataset.import_mark)
    origin["settings"]["folder"]  # told here where it is missing, not by the packing of the subset
    target.data.mkdir(parents=True, exist_ok=True)
    (target.subset_mark).unlink(missing_ok=True)
    made.save(target.catalog)
    records.write(target.records, (_keep(item, known.__contains__) for item in kept))
    counts = {name: sum(name in item.groups for item in kept) for name in (large, small)}
    result = {"images": len(kept), "products": len({item.product for item in kept}), "group_images": counts}
    done.write(target.import_mark, origin["settings"], {**result, "notes": []})
    done.write(target.subset_mark, settings, result)
    return done.read(target.subset_mark), True


def _keep(item: Record, wanted: Callable[[Label], bool]) -> Record:
    return item._replace(
        labels=tuple(filter(wanted, item.labels)),
        no=tuple(filter(wanted, item.no)),
        unknown=tuple(filter(wanted, item.unknown)),
    )
