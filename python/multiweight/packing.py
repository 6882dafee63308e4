"""Records -> the LMDB pairs of train and test, the mean image, and dataset.json."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np

from multiweight import bad_images, datasets, engine, records, steps
from multiweight.bad_images import BadImage
from multiweight.catalog import Catalog
from multiweight.errors import UserError
from multiweight.images import MAX_PIXELS, ImageFolder, UnreadableImage, resize
from multiweight.lmdb_pair import KEY, MAX_IMAGES, PARTIAL, LmdbWriter, decode, remove
from multiweight.progress import bar
from multiweight.records import Record
from multiweight.runs import Dataset
from multiweight.split import PARTS

ENCODINGS = ("raw", "jpg")
SIZE = 256  # IV-C
JPEG_QUALITY = 95  # OpenCV's own, which convert_imageset uses
CHUNK_PIXELS = 1 << 21  # of resized images that one thread makes at a time: 32 of 256x256


class Settings(NamedTuple):
    """``size`` the side in pixels, ``encoding`` raw or jpg, ``seed`` of the shuffle, and when to stop."""

    size: int = SIZE
    encoding: str = "raw"
    seed: int = 1
    max_bad: float = bad_images.DEFAULT_MAX_BAD
    max_pixels: int = MAX_PIXELS
    threads: int = 0


DEFAULTS = Settings()


class Chunk(NamedTuple):
    """What a thread makes of a few records: LMDB items, their records, those left out, the sum of pixels."""

    images: list[tuple[bytes, bytes]]
    labels: list[tuple[bytes, bytes]]
    packed: list[tuple[str, Record]]
    bad: list[BadImage]
    total: np.ndarray


def shuffled(items: Sequence[Record], seed: int) -> Iterator[tuple[str, Record]]:
    """(key, record) in the order of the LMDB: the key is the zero-padded position in a seeded shuffle."""
    if len(items) >= MAX_IMAGES:
        raise UserError(f"{len(items)} images: keys of 8 digits hold {MAX_IMAGES - 1}")
    # RandomState's stream is the same in every NumPy.
    for position, index in enumerate(np.random.RandomState(seed).permutation(len(items))):
        yield KEY.format(position), items[index]


def pack(
    caffe: ModuleType,
    dataset: Dataset,
    settings: Settings = DEFAULTS,
    folder: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[..., Any] = bar,
) -> tuple[dict[str, Any], bool]:
    """Pack ``train.csv`` and ``test.csv`` of ``dataset``.

    Writes four LMDBs, ``train_packed.csv`` and ``test_packed.csv``, ``mean.binaryproto`` (float32 1x3xSxS, the mean
    of the training images as compute_image_mean gives it) and ``dataset.json``, last of all. Images that cannot be
    read join ``bad_images.csv``, and their keys are left unused; UserError when they are more than ``max_bad`` of
    all. ``folder`` is what image paths are relative to (default: where the import found them). Returns the contents
    of ``dataset.json`` and whether anything was done.
    """
    _check(settings)
    wanted = {
        "size": settings.size,
        "encoding": settings.encoding,
        "seed": settings.seed,
        "catalog_sha256": steps.sha256(dataset.catalog),
        **{f"{part}_sha256": steps.sha256(dataset.split(part)) for part in PARTS},
    }
    found = steps.finished(dataset.info, wanted, overwrite)
    if found is not None:
        return found, False
    catalog = Catalog.load(dataset.catalog)
    parts = {part: records.read(dataset.split(part), catalog) for part in PARTS}
    origin = steps.read(dataset.data / datasets.MARK)
    dataset.info.unlink(missing_ok=True)
    bad = [item for item in bad_images.read(dataset.bad_images) if item.step != "pack"]
    total = sum(map(len, parts.values())) + len(bad)
    packed: dict[str, list[tuple[str, Record]]] = {}
    begun = time.monotonic()
    with ImageFolder(folder or origin["settings"]["folder"], settings.max_pixels) as images:
        for part, items in parts.items():
            packed[part], mean = _part(caffe, dataset, part, items, catalog, images, settings, bad, total, progress)
            if part == "train":
                _write_mean(caffe, dataset.mean, mean)
    bad_images.write(dataset.bad_images, bad)
    carried = [record.groups for _, record in packed["train"]]
    result = {
        "name": dataset.name,
        "source": origin["settings"]["source"],
        "size": settings.size,
        "encoding": settings.encoding,
        "seed": settings.seed,
        "counts": {part: len(items) for part, items in packed.items()},
        "products": {part: len({record.product for _, record in items}) for part, items in packed.items()},
        "labels": catalog.size,
        "group_images": {name: sum(name in groups for groups in carried) for name in catalog.names},
        "catalog_sha256": wanted["catalog_sha256"],
        "bad": len(bad),
        "seconds": round(time.monotonic() - begun, 3),
    }
    steps.write(dataset.info, wanted, result)
    return steps.read(dataset.info), True


def _check(settings: Settings) -> None:
    if settings.encoding not in ENCODINGS:
        raise UserError(f"encoding {settings.encoding!r}: expected one of {', '.join(ENCODINGS)}")
    if not 1 <= settings.size <= 4096:
        raise UserError(f"size {settings.size}: expected a side of 1 to 4096 pixels")
    if not 0 <= settings.max_bad <= 1:
        raise UserError(f"max-bad {settings.max_bad}: expected a share from 0 to 1")


def _part(
    caffe: ModuleType,
    dataset: Dataset,
    part: str,
    items: Sequence[Record],
    catalog: Catalog,
    images: ImageFolder,
    settings: Settings,
    bad: list[BadImage],
    total: int,
    progress: Callable[..., Any],
) -> tuple[list[tuple[str, Record]], np.ndarray]:
    """Write one part's pair of LMDBs and its packed CSV; gives the packed records and the mean, float32 (3, S, S)."""
    for path in (dataset.images(part), dataset.labels(part)):
        remove(path)
    writers = [LmdbWriter(dataset.images(part)), LmdbWriter(dataset.labels(part))]
    packed: list[tuple[str, Record]] = []
    pixels = np.zeros((3, settings.size, settings.size), np.int64)
    try:
        with progress(total=len(items), desc=f"packing {part}", unit=" images") as shown:
            for chunk in _chunks(caffe, list(shuffled(items, settings.seed)), catalog, images, settings):
                writers[0].put(chunk.images)
                writers[1].put(chunk.labels)
                packed += chunk.packed
                pixels += chunk.total
                shown.update(len(chunk.packed) + len(chunk.bad))
                if chunk.bad:
                    bad += chunk.bad
                    if len(bad) > settings.max_bad * total:
                        bad_images.write(dataset.bad_images, bad)
                        bad_images.check_share(bad, total, settings.max_bad, dataset.bad_images)
        if not packed:
            bad_images.write(dataset.bad_images, bad)
            raise UserError(f"{dataset.split(part)}: no image to pack: {dataset.bad_images} says what was left out")
    except BaseException:
        for writer in writers:
            writer.abandon()
        raise
    for writer in writers:
        writer.finish()
    records.write_packed(dataset.packed(part), packed)
    return packed, (pixels / len(packed)).astype(np.float32)


def _chunks(
    caffe: ModuleType, items: list[tuple[str, Record]], catalog: Catalog, images: ImageFolder, settings: Settings
) -> Iterator[Chunk]:
    """Chunks in order of the keys, made by threads (OpenCV lets go of the interpreter lock); few wait at a time."""
    step = max(1, min(256, CHUNK_PIXELS // settings.size**2))
    threads = settings.threads or os.cpu_count() or 1
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: deque[Future[Chunk]] = deque()
        datum = engine.schema(caffe).Datum
        for start in range(0, len(items), step):
            waiting.append(pool.submit(_chunk, datum, items[start : start + step], catalog, images, settings))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True)
        cv2.setNumThreads(before)


def _chunk(
    datum: Any, items: Iterable[tuple[str, Record]], catalog: Catalog, images: ImageFolder, settings: Settings
) -> Chunk:
    chunk = Chunk([], [], [], [], np.zeros((3, settings.size, settings.size), np.uint32))
    for key, record in items:
        try:
            planes, value = _datum(datum, resize(images.read(record.image), settings.size), settings.encoding)
        except UnreadableImage as error:
            chunk.bad.append(BadImage(record.image, record.product, "pack", str(error)))
            continue
        np.add(chunk.total, planes, out=chunk.total)
        label = datum(channels=catalog.size, height=1, width=1, data=record.vector(catalog).tobytes())
        name = key.encode("ascii")
        chunk.images.append((name, value.SerializeToString()))
        chunk.labels.append((name, label.SerializeToString()))
        chunk.packed.append((key, record))
    return chunk


def _datum(datum: Any, image: np.ndarray, encoding: str) -> tuple[np.ndarray, Any]:
    """The pixels that a net will see, uint8 (3, size, size), and the Datum that holds them."""
    if encoding == "jpg":
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        # A net, and compute_image_mean, see what the JPEG decodes to: so must the mean.
        value = datum(data=data, encoded=True)
        return decode(value), value
    planes = np.stack(cv2.split(image))
    return planes, datum(channels=3, height=image.shape[0], width=image.shape[1], data=planes.tobytes())


def _write_mean(caffe: ModuleType, path: Path, mean: np.ndarray) -> None:
    blob = engine.schema(caffe).BlobProto(num=1, channels=3, height=mean.shape[1], width=mean.shape[2])
    blob.data.extend(mean.ravel().tolist())
    partial = path.with_name(path.name + PARTIAL)
    partial.write_bytes(blob.SerializeToString())
    os.replace(partial, path)
