"""The sample shop: drawn photos with noisy labels, in the layout of records_folder; the demo's and the tests' data."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np

from multiweight.base import done, lock, make_variables, whole_file
from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.base.progress import bar
from multiweight.datasets.sample_shop import catalog as sample_catalog
from multiweight.datasets.sample_shop import garments
from multiweight.datasets.sample_shop import photos as sample_photos
from multiweight.datasets.sample_shop.catalog import Product
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import Label, Record

MARK = "shop.json"
TRUTH = "truth.csv"
MAX_PHOTOS = 4
RARE = {"Hood", "Print", "Brooch"}  # their few products have two photos or more, so that a query can find another


@dataclass(frozen=True)
class ShopSettings:
    """What is drawn; ``tail`` as :func:`multiweight.datasets.sample_shop.catalog.products` takes it."""

    products: int = setting(1600, "number of products, of one to four photos each")
    seed: int = setting(1, "seed of everything that varies")
    wrong: float = setting(0.05, "share of labels, 0 to 1, that are wrong")
    missing: float = setting(0.1, "share of labels, 0 to 1, that are missing")
    size: int = setting(192, "side of a photo, pixels")
    quality: int = setting(90, "JPEG quality, 1 to 100")
    tail: float = setting(1.0, "power of the groups' shares: 0 equal, 1 heavy-tailed, 4 most")


DEFAULTS = ShopSettings()


@lock.scope
def make(
    folder: str | Path,
    settings: ShopSettings = DEFAULTS,
    overwrite: bool = False,
    progress: Callable[..., Any] = bar,
) -> tuple[dict[str, Any], bool]:
    """Draw a shop into ``folder``: ``images/``, ``catalog.yaml``, ``records.csv`` and ``truth.csv``.

    One to four photos a product, of varying pose, scale, background and light. ``records.csv`` has the labels with
    noise, the same on all photos of a product as they come from one text: a share of them wrong (another label of the
    group), a share missing. ``truth.csv`` has them without. The same settings give the same labels everywhere, and
    the same photos with the same OpenCV. Returns the contents of ``shop.json`` and whether anything was done.
    """
    check(settings)
    folder = Path(folder)
    mark = folder / MARK
    finished = done.finished(mark, asdict(settings), overwrite)
    if finished is not None:
        return finished, False
    lock.hold(folder, "make-sample-shop")
    if (folder / "records.csv").exists() and not mark.exists() and not overwrite:
        raise UserError(
            f"{folder}: holds records.csv but no {MARK}: not a drawn shop, or half of one: "
            f"choose another folder, or {make_variables.named('OVERWRITE')}"
        )
    mark.unlink(missing_ok=True)
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for old in images.glob("p*_*.jpg"):
        old.unlink()
    catalog = sample_catalog.catalog()
    products = sample_catalog.products(settings.products, settings.seed, settings.tail)
    photos = [_photos(product, settings.seed, number) for number, product in enumerate(products)]
    grain = sample_photos.grain(settings.size, np.random.RandomState(settings.seed))

    def shoot(number: int) -> int:
        rng = _rng(settings.seed, number, 1)
        garment, mask = garments.draw(products[number], rng)
        for name in photos[number]:
            picture = sample_photos.photo(garment, mask, settings.size, rng, grain)
            data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, settings.quality])[1]
            with whole_file.opened(folder / name, "wb") as file:
                file.write(data.tobytes())
        return len(photos[number])

    total = sum(map(len, photos))
    shown = progress(total=total, desc="drawing photos", unit=" photos")
    with ThreadPoolExecutor() as pool, shown:
        for count in pool.map(shoot, range(len(products))):
            shown.update(count)

    labels = noisy(products, catalog, settings)
    truth = [Record(name, product.name, product.truth) for product, names in zip(products, photos) for name in names]
    shown = [Record(name, p.name, carried) for p, names, carried in zip(products, photos, labels) for name in names]
    catalog.save(folder / "catalog.yaml")
    records.write(folder / TRUTH, truth)
    records.write(folder / "records.csv", shown)
    with_label = Counter(group for record in truth for group in record.groups)
    largest = max(with_label.values())
    proportions = {name: round(with_label[name] / largest, 4) for name in catalog.names}
    result = {"photos": total, "products": len(products), "labels": catalog.size, "proportions": proportions}
    done.write(mark, asdict(settings), result)
    return done.read(mark), True


def check(settings: ShopSettings) -> None:
    """UserError names the setting that is out of its range."""
    if settings.products < 12:
        raise UserError(f"products {settings.products}: expected 12 or more")
    for name in ("wrong", "missing"):
        if not 0 <= getattr(settings, name) <= 1:
            raise UserError(f"{name} {getattr(settings, name)}: expected a share from 0 to 1")
    if settings.wrong + settings.missing > 1:
        raise UserError(f"wrong {settings.wrong} and missing {settings.missing}: expected a sum of at most 1")
    if not 32 <= settings.size <= 2048:
        raise UserError(f"size {settings.size}: expected 32 to 2048 pixels")
    if not 1 <= settings.quality <= 100:
        raise UserError(f"quality {settings.quality}: expected 1 to 100")
    if not 0 <= settings.tail <= 4:
        raise UserError(f"tail {settings.tail}: expected a power from 0 (groups as equal as can be) to 4")


def _rng(seed: int, product: int, purpose: int) -> np.random.RandomState:
    """A stream a product and purpose, so that threads may draw in any order."""
    return np.random.RandomState([seed, product, purpose])


def _photos(product: Product, seed: int, number: int) -> list[str]:
    least = 2 if RARE & set(product.labels) else 1
    count = int(_rng(seed, number, 2).randint(least, MAX_PHOTOS + 1))
    return [f"images/{product.name}_{n + 1}.jpg" for n in range(count)]


def noisy(products: list[Product], catalog: Catalog, settings: ShopSettings) -> list[tuple[Label, ...]]:
    """Each product's labels with noise; where a group would lose all but one of its products, it keeps the truth."""
    result: list[tuple[Label, ...]] = []
    for number, product in enumerate(products):
        rng = _rng(settings.seed, number, 3)
        labels: list[Label] = []
        for group, label in product.truth:
            luck, pick = rng.random_sample(2)
            others = [name for name in catalog.group(group).labels if name != label]
            if luck < settings.wrong:
                label = others[int(pick * len(others))]
            elif luck < settings.wrong + settings.missing:
                continue
            if (group, label) not in labels:
                labels.append((group, label))
        result.append(tuple(labels))
    carried = Counter(group for labels in result for group in {name for name, _ in labels})
    thin = {name for name in catalog.names if carried[name] < 2}
    if thin:
        order = {name: n for n, name in enumerate(catalog.names)}
        for number, product in enumerate(products):
            kept = [pair for pair in result[number] if pair[0] not in thin]
            added = [pair for pair in product.truth if pair[0] in thin]
            result[number] = tuple(sorted(kept + added, key=lambda pair: order[pair[0]]))
    return result
