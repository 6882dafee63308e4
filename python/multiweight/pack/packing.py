"""Records -> the LMDB pairs of train and test, the mean image, and dataset.json."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import numpy as np

from multiweight.base import done as steps
from multiweight.base import engine, lock, make_variables, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import bar
from multiweight.datasets import importing
from multiweight.pack.chunks import ENCODINGS, ChunkMaker, Settings, Shuffled, key
from multiweight.pack.part import Part, PhotosChanged, earlier, from_shards, pack_part, write
from multiweight.pack.writer import LmdbWriter, partial_of, remove
from multiweight.photos.decoding import RESIZE
from multiweight.photos.images import ImageFolder
from multiweight.prepare.split import PARTS
from multiweight.records import bad_images, records
from multiweight.records.bad_images import BadImage, TooManyBad
from multiweight.records.catalog import Catalog
from multiweight.records.record_table import RecordTable
from multiweight.records.records import Record

DEFAULTS = Settings()


@lock.scope
def pack(
    caffe: ModuleType,
    dataset: Dataset,
    settings: Settings = DEFAULTS,
    folder: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[..., Any] = bar,
    shard: tuple[int, int] | None = None,
) -> tuple[dict[str, Any], bool]:
    """Pack ``train.csv`` and ``test.csv`` of ``dataset``; ``caffe`` is the engine or its caffe_pb2.

    Writes four LMDBs, ``train_packed.csv`` and ``test_packed.csv``, ``mean.binaryproto`` (float32 1x3xSxS, the mean
    of the training images as compute_image_mean gives it) and ``dataset.json``, last of all. Images that cannot be
    read join ``bad_images.csv``, and their keys are left unused; UserError when they are more than ``max_bad`` of
    all. ``folder`` is what image paths are relative to (default: where the import found them). A run that was killed,
    or found the disk full, goes on when called again with the same settings. ``shard`` (i, n) packs the i-th of n
    pieces alone, for ``merge``. Returns the contents of ``dataset.json`` (of a shard, of its state file) and whether
    anything was done.
    """
    _check(settings, shard)
    suffix = shard_suffix(*shard) if shard else ""
    wanted = _wanted(dataset, settings)
    if not shard:
        finished = steps.finished(dataset.info, wanted, overwrite)
        if finished is not None:
            return finished, False
    lock.hold(dataset.data, "build-lmdb", shared=bool(shard))
    if shard:
        lock.hold(dataset.data, "build-lmdb", name=f"{lock.IN_USE}{suffix}")
    state = _begin(dataset, suffix, wanted, overwrite)
    if set(state["parts"]) == set(PARTS) and shard:
        return state, False
    begun = time.monotonic()
    catalog = Catalog.load(dataset.catalog)
    tables = {part: Shuffled(RecordTable(dataset.split(part), catalog), settings.seed) for part in PARTS}
    origin = steps.read(dataset.import_mark)
    judge = _Judge(dataset, sum(map(len, tables.values())), settings.max_bad)
    done: dict[str, Part] = {}
    with ImageFolder(folder or origin["settings"]["folder"], settings.max_pixels) as images:
        for part, items in tables.items():
            if part in state["parts"]:
                bad = [BadImage(*fields) for fields in state["parts"][part]["bad"]]
                done[part] = earlier(dataset, part, suffix, len(items), bad)
            else:
                maker = ChunkMaker(engine.schema(caffe).Datum, items, catalog, images, settings)
                done[part] = _part(dataset, part, suffix, maker, shard or (1, 1), judge, progress)
                state["parts"][part] = {"images": int(done[part].present.sum()), "bad": done[part].bad}
                steps.write(dataset.packing(suffix), wanted, {"parts": state["parts"]})
            judge.earlier += done[part].bad
    if shard:
        return steps.read(dataset.packing(suffix)), True
    _finish(caffe, dataset, wanted, catalog, tables, done, judge.earlier, time.monotonic() - begun)
    return steps.read(dataset.info), True


@lock.scope
def merge(
    caffe: ModuleType, dataset: Dataset, shards: int, max_bad: float, progress: Callable[..., Any] = bar
) -> dict[str, Any]:
    """Join ``shards`` packed shards into what one packing would have written, byte for byte; then remove them.

    Returns the contents of ``dataset.json``; UserError names a shard that is missing or was packed otherwise. A
    killed merge goes on when called again.
    """
    lock.hold(dataset.data, "build-lmdb")
    suffixes = [shard_suffix(number, shards) for number in range(1, shards + 1)]
    states = [steps.read(dataset.packing(suffix)) for suffix in suffixes]
    wanted = states[0]["settings"]
    for suffix, state in zip(suffixes, states):
        if state["settings"] != wanted or set(state["parts"]) != set(PARTS):
            what = "is not finished" if state["settings"] == wanted else "was packed with other settings than the first"
            raise UserError(f"{dataset.packing(suffix)}: this shard {what}: give its command again")
    settings = Settings(**{name: wanted[name] for name in ("size", "encoding", "seed", "resize", "unknown")})
    if wanted != _wanted(dataset, settings):
        raise UserError(
            f"{dataset.data}: records or catalog have changed since the shards were packed: pack them again"
        )
    _begin(dataset, "", wanted, False)
    begun = time.monotonic()
    catalog = Catalog.load(dataset.catalog)
    tables = {part: Shuffled(RecordTable(dataset.split(part), catalog), settings.seed) for part in PARTS}
    judge = _Judge(dataset, sum(map(len, tables.values())), max_bad)
    done = {}
    for part, items in tables.items():
        pieces = [
            earlier(dataset, part, suffix, len(items), [BadImage(*fields) for fields in state["parts"][part]["bad"]])
            for suffix, state in zip(suffixes, states)
        ]
        merged = Part(
            np.zeros(len(items), bool), [bad for piece in pieces for bad in piece.bad], np.zeros((), np.int64)
        )
        judge(merged.bad)
        writers = LmdbWriter(dataset.images(part)), LmdbWriter(dataset.labels(part))
        pairs = [(dataset.images(part, suffix), dataset.labels(part, suffix)) for suffix in suffixes]
        with progress(total=len(items), desc=f"merging {part}", unit=" images") as shown:
            for chunk in from_shards(pairs, items.chunks(settings.size)):
                write(writers, chunk._replace(total=np.zeros((), np.uint32)), merged)
                shown.update(chunk.stop - chunk.start)
        for writer in writers:
            writer.finish()
        total = sum((piece.total for piece in pieces if piece.total.size), np.zeros(1, np.int64))
        done[part] = merged._replace(total=total)
        judge.earlier += merged.bad
    _finish(caffe, dataset, wanted, catalog, tables, done, judge.earlier, time.monotonic() - begun)
    for suffix in suffixes:
        _clear(dataset, suffix)
        (dataset.data / f"{lock.IN_USE}{suffix}").unlink(missing_ok=True)
    return steps.read(dataset.info)


def shard_suffix(number: int, shards: int) -> str:
    """What the names of a shard's files end in."""
    return f".shard-{number}-of-{shards}"


def _check(settings: Settings, shard: tuple[int, int] | None) -> None:
    for name, known in (("encoding", ENCODINGS), ("resize", RESIZE), ("unknown", records.UNKNOWN_AS)):
        if getattr(settings, name) not in known:
            raise UserError(f"{name} {getattr(settings, name)!r}: expected one of {', '.join(known)}")
    if not 1 <= settings.size <= 4096:
        raise UserError(f"size {settings.size}: expected a side of 1 to 4096 pixels")
    bad_images.check_setting(settings.max_bad)
    if shard and not 1 <= shard[0] <= shard[1]:
        raise UserError(f"shard {shard[0]}/{shard[1]}: expected i/n with i from 1 to n")


def _wanted(dataset: Dataset, settings: Settings) -> dict[str, Any]:
    return {
        **{name: getattr(settings, name) for name in ("size", "encoding", "seed", "resize", "unknown")},
        "catalog_sha256": steps.sha256(dataset.catalog),
        **{f"{part}_sha256": steps.sha256(dataset.split(part)) for part in PARTS},
        **importing.photos_of(dataset),
    }


def _begin(dataset: Dataset, suffix: str, wanted: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """The state of a stopped packing with these settings, or that of a new one, once nothing is in its way."""
    mark = dataset.packing(suffix)
    unfinished = steps.finished(mark, wanted, overwrite)
    if unfinished is not None:
        return unfinished
    whole = [path for path in _lmdbs(dataset, suffix) if path.exists()]
    if whole and not overwrite:
        raise UserError(
            f"{whole[0]}: exists, but neither {dataset.info.name} nor {mark.name} tells how it was packed: "
            f"use {make_variables.named('OVERWRITE')} to pack anew"
        )
    if not suffix:
        dataset.info.unlink(missing_ok=True)
    _clear(dataset, suffix)
    steps.write(mark, wanted, {"parts": {}})
    return {"parts": {}}


def _lmdbs(dataset: Dataset, suffix: str) -> list[Path]:
    return [path for part in PARTS for path in (dataset.images(part, suffix), dataset.labels(part, suffix))]


def _clear(dataset: Dataset, suffix: str) -> None:
    """Remove what a packing has written so far, the state last."""
    for path in _lmdbs(dataset, suffix):
        remove(partial_of(path))
        remove(path)
    for part in PARTS:
        dataset.pixel_sums(part, suffix).unlink(missing_ok=True)
    dataset.packing(suffix).unlink(missing_ok=True)


class _Judge:
    """Stops a packing once more than ``max_bad`` of all images are left out."""

    def __init__(self, dataset: Dataset, images: int, max_bad: float):
        self.dataset, self.max_bad = dataset, max_bad
        self.earlier = [item for item in bad_images.read(dataset.bad_images) if item.step != "pack"]
        self.total = images + len(self.earlier)

    def __call__(self, bad: list[BadImage]) -> None:
        every = self.earlier + bad
        if len(every) > self.max_bad * self.total:
            bad_images.write(self.dataset.bad_images, every)
            bad_images.check_share(every, self.total, self.max_bad, self.dataset.bad_images)


def _part(
    dataset: Dataset,
    part: str,
    suffix: str,
    maker: ChunkMaker,
    shard: tuple[int, int],
    judge: _Judge,
    progress: Callable[..., Any],
) -> Part:
    spans = maker.items.chunks(maker.settings.size, shard)
    paths = dataset.images(part, suffix), dataset.labels(part, suffix)
    sums = dataset.pixel_sums(part, suffix)
    while True:
        try:
            packed = pack_part(dataset, part, suffix, maker, spans, judge, progress)
            break
        except PhotosChanged:
            for path in paths:
                remove(partial_of(path))
            sums.unlink(missing_ok=True)
        except TooManyBad:
            _clear(dataset, suffix)  # photos may be mended before the next run, so it begins anew
            raise
    if not packed.present.any() and shard == (1, 1):
        bad_images.write(dataset.bad_images, judge.earlier + packed.bad)
        _clear(dataset, suffix)
        raise UserError(f"{dataset.split(part)}: no image to pack: {dataset.bad_images} says what was left out")
    return packed


def _finish(
    caffe: ModuleType,
    dataset: Dataset,
    wanted: dict[str, Any],
    catalog: Catalog,
    tables: dict[str, Shuffled],
    done: dict[str, Part],
    bad: list[BadImage],
    seconds: float,
) -> None:
    bad_images.write(dataset.bad_images, bad)
    _write_mean(caffe, dataset.mean, (done["train"].total / done["train"].present.sum()).astype(np.float32))
    counts, products = {}, {}
    groups: Counter[str] = Counter()
    for part, items in tables.items():
        packed = np.flatnonzero(done[part].present)
        counts[part] = len(packed)
        products[part] = len({items[int(position)].product for position in packed})
        records.write_packed(dataset.packed(part), _packed(items, packed))
        if part == "train":
            for position in packed:
                groups.update(items[int(position)].groups)
    result = {
        "name": dataset.name,
        "source": steps.read(dataset.import_mark)["settings"]["source"],
        **{name: wanted[name] for name in ("size", "encoding", "seed", "resize", "unknown")},
        "counts": counts,
        "products": products,
        "labels": catalog.size,
        "group_images": {name: groups[name] for name in catalog.names},
        "catalog_sha256": wanted["catalog_sha256"],
        "bad": len(bad),
        "seconds": round(seconds, 3),
    }
    steps.write(dataset.info, wanted, result)
    for part in PARTS:
        dataset.pixel_sums(part).unlink(missing_ok=True)
    dataset.packing().unlink(missing_ok=True)


def _packed(items: Shuffled, positions: np.ndarray) -> Iterator[tuple[str, Record]]:
    return ((key(int(position)).decode("ascii"), items[int(position)]) for position in positions)


def _write_mean(caffe: ModuleType, path: Path, mean: np.ndarray) -> None:
    blob = engine.schema(caffe).BlobProto(num=1, channels=3, height=mean.shape[1], width=mean.shape[2])
    blob.data.extend(mean.ravel().tolist())
    with whole_file.opened(path, "wb") as file:
        file.write(blob.SerializeToString())
