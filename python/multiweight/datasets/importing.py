"""Sources of records: one module each, registered by its name; and the import that every source shares."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

from multiweight.base import csv_file, done, lock, make_variables
from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.base.paths import Dataset
from multiweight.base.progress import bar
from multiweight.datasets import deepfashion, fashion_product_images, imaterialist, records_folder, shop_table
from multiweight.photos.decoding import UnreadableImage
from multiweight.photos.images import ImageFolder
from multiweight.records import bad_images, records
from multiweight.records.bad_images import BadImage
from multiweight.records.record_table import RecordTable

SOURCES: dict[str, ModuleType] = {
    module.NAME: module for module in (records_folder, shop_table, fashion_product_images, deepfashion, imaterialist)
}
#: What is told of a photo that is not there.
_ABSENT = "-1"


@dataclass(frozen=True)
class Settings:
    """What an import leaves out."""

    min_products: int = setting(2, "leave out labels of fewer products; a catalog.yaml is kept whole")
    max_bad: float = setting(bad_images.DEFAULT_MAX_BAD, "share of images, 0 to 1, that may be left out")


def source(folder: str | Path, name: str | None = None) -> ModuleType:
    """The source called ``name``, or the one whose files lie in ``folder``; UserError names the known ones."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such directory: expected a dataset's folder (data/README.md lists the layouts)")
    if name is not None and name not in SOURCES:
        raise UserError(f"source {name!r} is unknown: expected one of {', '.join(SOURCES)}")
    if name is not None:
        return SOURCES[name]
    fitting = [module for module in SOURCES.values() if module.detect(folder)]
    layouts = "; ".join(f"{module.NAME}: {module.LAYOUT}" for module in SOURCES.values())
    if not fitting:
        raise UserError(f"{folder}: no known layout{_meant(folder)}: expected one of {layouts}")
    if len(fitting) > 1:
        raise UserError(f"{folder}: fits {' and '.join(module.NAME for module in fitting)}: choose one with --source")
    return fitting[0]


def _meant(folder: Path) -> str:
    """What stands in a folder without a known layout and may be meant: a table in another format, a folder inside."""
    names = sorted(entry.name for entry in folder.iterdir())
    for name in names:
        stem, dot, _ = name.casefold().rpartition(".")
        if dot and stem in ("shop", "styles", "records") and (folder / name).is_file():
            return f": there is {name}: save it as {stem}.csv, in UTF-8, columns apart by commas"
    inner = [name for name in names if (folder / name).is_dir()]
    for name in inner[:100]:
        if any(module.detect(folder / name) for module in SOURCES.values()):
            return f": give the folder {name} inside it"
    return ""


@lock.scope
def import_dataset(
    dataset: Dataset,
    folder: str | Path,
    source_name: str | None = None,
    min_products: int = 2,
    max_bad: float = bad_images.DEFAULT_MAX_BAD,
    overwrite: bool = False,
    progress: Callable[..., Iterable[Any]] = bar,
) -> tuple[dict[str, Any], bool]:
    """Turn a source's files into ``catalog.yaml`` and ``records.csv`` of ``dataset``.

    Missing images and rows that cannot be used go to ``bad_images.csv``; UserError when their share exceeds
    ``max_bad``. ``min_products``: a source that makes its own catalog leaves out labels of fewer products. Returns
    the contents of ``import.json`` and whether anything was done: a finished import is left as it is.
    """
    bad_images.check_setting(max_bad)
    if min_products < 1:
        raise UserError(f"min-products {min_products}: expected 1 or more")
    module = source(folder, source_name)
    folder = Path(folder).resolve()
    settings = {
        "source": module.NAME,
        "folder": str(folder),
        "min_products": min_products,
        "inputs": {Path(name).name: done.sha256(folder / name) for name in module.INPUTS if (folder / name).is_file()},
    }
    _moved(dataset.import_mark, settings)
    finished = done.finished(dataset.import_mark, settings, overwrite)
    if finished is not None:
        _check_photos(dataset, folder, finished)
        return finished, False
    lock.hold(dataset.data, "import-dataset")
    loaded = module.load(folder, min_products)
    bad: list[BadImage] = list(loaded.bad)
    kept = []
    states, contents = {}, {}
    with ImageFolder(folder) as images:
        # What a source leaves out may be there all the same; where its name is a row's, nothing is.
        for item in bad:
            states[item.image] = _or_absent(images.state, item.image)
            contents[item.image] = _or_absent(images.contents, item.image)
        for record in progress(loaded.records, desc="looking for the images", unit=" images"):
            name = record.image
            try:
                states[name], contents[name] = images.state(name), images.contents(name)
                kept.append(record)
            except UnreadableImage as error:
                states[name] = contents[name] = _ABSENT
                bad.append(BadImage(record.image, record.product, "import", str(error)))
    dataset.data.mkdir(parents=True, exist_ok=True)
    for old in (dataset.import_mark, dataset.clean_mark, dataset.cleaned_records, dataset.cleaned):
        old.unlink(missing_ok=True)
    bad_images.write(dataset.bad_images, bad)
    total = len(loaded.records) + len(loaded.bad)
    bad_images.check_share(bad, total, max_bad, dataset.bad_images)
    if not kept:
        first = f", of the first ({bad[0].image}): {bad[0].reason}" if bad else ""
        raise UserError(f"{folder}: no image is left: {dataset.bad_images} says why{first}")
    loaded.catalog.save(dataset.catalog)
    records.write(dataset.records, kept)
    _write_partition(dataset, loaded.partition, kept)
    result = {
        "images": len(kept),
        "products": len({record.product for record in kept}),
        "groups": len(loaded.catalog.groups),
        "labels": loaded.catalog.size,
        "bad": len(bad),
        "notes": loaded.notes,
        "photos_absent": sum(content == _ABSENT for content in contents.values()),
        "photos_sha256": _digest(contents),
        "photos_state_sha256": _digest(states),
    }
    done.write(dataset.import_mark, settings, result)
    return done.read(dataset.import_mark), True


def _moved(mark: Path, settings: Mapping[str, Any]) -> None:
    """Note the folder where the same files lie now: the photos, or a checkout that holds them, were moved or copied."""
    if not mark.exists() or not settings["inputs"]:
        return
    mark_content = done.read(mark)
    before = mark_content["settings"]
    if isinstance(before, dict) and before != settings and {**before, "folder": settings["folder"]} == settings:
        done.write(mark, settings, {name: value for name, value in mark_content.items() if name != "settings"})


def photos_of(dataset: Dataset) -> dict[str, str]:
    """``photos_sha256`` of the import, for the settings of the steps that read photos; empty of an older import."""
    digest = done.read(dataset.import_mark).get("photos_sha256")
    return {"photos_sha256": digest} if isinstance(digest, str) else {}


def _check_photos(dataset: Dataset, folder: Path, mark: Mapping[str, Any]) -> None:
    """UserError where photos have come, gone or changed since the import.

    They are read only where their state has changed, as in a copy of the folder; one that is equal is noted. An import
    made before states were kept knows the photos' sizes alone.
    """
    if "photos_sha256" not in mark:
        return
    absent = [item.image for item in bad_images.read(dataset.bad_images) if item.step == "import"]
    names = [record.image for record in RecordTable(dataset.records)] + absent
    with ImageFolder(folder) as images:
        if "photos_state_sha256" not in mark:
            now = {name: _or_absent(lambda image: str(images.size(image)), name) for name in names}
        else:
            states = {name: _or_absent(images.state, name) for name in names}
            if _digest(states) == mark["photos_state_sha256"]:
                return
            now = {name: _or_absent(images.contents, name) for name in names}
    if _digest(now) != mark["photos_sha256"]:
        come = mark.get("photos_absent", len(absent)) - sum(content == _ABSENT for content in now.values())
        what = f"{come} photos that were missing are there now" if come > 0 else "photos have gone or changed"
        raise UserError(
            f"{dataset.import_mark}: {what}, since the import: use {make_variables.named('OVERWRITE')} to take them in"
        )
    if "photos_state_sha256" in mark:
        result = {name: value for name, value in mark.items() if name != "settings"}
        with contextlib.suppress(OSError):  # where nothing can be written, the next call reads the photos again
            done.write(dataset.import_mark, mark["settings"], {**result, "photos_state_sha256": _digest(states)})


def _or_absent(tell: Callable[[str], str], name: str) -> str:
    try:
        return tell(name)
    except UnreadableImage:
        return _ABSENT


def _digest(values: Mapping[str, str]) -> str:
    """SHA-256 of what is told of each photo, by its name."""
    digest = hashlib.sha256()
    for name in sorted(values):
        digest.update(f"{name}\0{values[name]}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _write_partition(dataset: Dataset, partition: Mapping[str, str], kept: Iterable[records.Record]) -> None:
    """``partition.csv``: the source's own division, for ``tools/split.py --given``."""
    if not partition:
        dataset.partition.unlink(missing_ok=True)
        return
    rows = ((record.image, partition[record.image]) for record in kept)
    csv_file.write(dataset.partition, ("image", "part"), rows)
