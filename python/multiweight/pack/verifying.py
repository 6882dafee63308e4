"""Checks a packed dataset: pairs aligned, every datum readable, labels and counts as dataset.json says."""

from __future__ import annotations

import hashlib
from array import array
from types import ModuleType
from typing import Any, Callable

import numpy as np

from multiweight.base import done, engine, lock
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import bar
from multiweight.pack.reader import LmdbPair, vector
from multiweight.photos.datum import decode
from multiweight.prepare.split import PARTS
from multiweight.records import records
from multiweight.records.catalog import Catalog


@lock.scope
def verify(caffe: ModuleType, dataset: Dataset, progress: Callable[..., Any] = bar) -> dict[str, Any]:
    """Read everything that a net would read of ``dataset``.

    Both LMDBs of each part hold the same keys, those of the packed CSV; every image decodes to 3 x size x size; every
    label vector has the catalog's length and the labels of its record; counts, the catalog's hash and the mean image
    fit ``dataset.json``. Returns ``{part: {images, encoded, group_images, duplicates}}``, and writes it, with
    ``in_both``, to ``verify.json``; the first fault is a UserError that names the file and the key. ``duplicates`` is
    the number of images whose packed bytes an earlier one of the part has, ``in_both`` that of test images whose
    packed bytes train has too: no fault, but something to know.
    """
    lock.hold(dataset.data, "verify-lmdb", shared=True)
    info = done.read(dataset.info)
    for key in ("size", "counts", "labels", "catalog_sha256", "group_images"):
        if key not in info:
            raise UserError(f"{dataset.info}: key {key!r} is missing: pack the data again")
    catalog = Catalog.load(dataset.catalog)
    if info["catalog_sha256"] != done.sha256(dataset.catalog):
        raise UserError(f"{dataset.catalog}: changed since the data was packed: pack it again, or put the catalog back")
    _mean(caffe, dataset, info["size"])
    (dataset.verify_mark).unlink(missing_ok=True)
    digests: dict[str, np.ndarray] = {}
    results = {part: _part(caffe, dataset, part, info, catalog, progress, digests) for part in PARTS}
    if results["train"]["group_images"] != info["group_images"]:
        raise UserError(f"{dataset.info}: group_images does not fit the training labels: pack the data again")
    in_both = int(np.isin(digests["test"], digests["train"]).sum())
    done.write(dataset.verify_mark, {"catalog_sha256": info["catalog_sha256"]}, {"parts": results, "in_both": in_both})
    return results


def _mean(caffe: ModuleType, dataset: Dataset, size: int) -> None:
    blob = engine.schema(caffe).BlobProto()
    try:
        blob.ParseFromString(dataset.mean.read_bytes())
    except OSError as error:
        raise UserError(f"{dataset.mean}: cannot be read ({error.strerror}): pack the data again") from None
    except Exception as error:  # protobuf's DecodeError
        raise UserError(f"{dataset.mean}: no BlobProto ({error}): pack the data again") from None
    shape = (blob.num, blob.channels, blob.height, blob.width)
    if shape != (1, 3, size, size) or len(blob.data) != 3 * size * size:
        raise UserError(
            f"{dataset.mean}: shape {'x'.join(map(str, shape))}, expected 1x3x{size}x{size}: pack the data again"
        )


def _part(
    caffe: ModuleType,
    dataset: Dataset,
    part: str,
    info: dict[str, Any],
    catalog: Catalog,
    progress: Callable[..., Any],
    digests: dict[str, np.ndarray],
) -> dict[str, Any]:
    listed = records.read_packed(dataset.packed(part), catalog)
    expected = (3, info["size"], info["size"])
    encoded, groups = 0, np.zeros(len(catalog.groups), np.int64)
    seen = array("Q")
    with LmdbPair(caffe, dataset.images(part), dataset.labels(part)) as pair:
        rows = iter(listed)
        shown = progress(pair.datums(), desc=f"verifying {part}", total=len(pair), unit=" images")
        for key, image, labels in shown:
            named, record = next(rows, ("(end)", None))
            if key != named or record is None:
                raise UserError(f"{pair.at(0, key)}: {dataset.packed(part)} has key {named} there: pack the data again")
            shape = decode(image, pair.at(0, key)).shape
            if shape != expected:
                wanted = "x".join(map(str, expected))
                raise UserError(
                    f"{pair.at(0, key)}: shape {'x'.join(map(str, shape))}, expected {wanted}: pack the data again"
                )
            vector_read = vector(labels, pair.at(1, key))
            if len(vector_read) != catalog.size:
                raise UserError(
                    f"{pair.at(1, key)}: {len(vector_read)} labels, the catalog has {catalog.size}: pack the data again"
                )
            if not np.array_equal(vector_read, record.vector(catalog, info.get("unknown", "no"))):
                listing = f"{record.image} in {dataset.packed(part)}"
                raise UserError(f"{pair.at(1, key)}: not the labels of {listing}: pack the data again")
            encoded += bool(image.encoded)
            seen.append(int.from_bytes(hashlib.blake2b(image.data, digest_size=8).digest(), "little"))
            groups += [(vector_read[catalog.slices[name]] == 1).any() for name in catalog.names]
        if len(pair) != len(listed) or len(pair) != info["counts"][part]:
            raise UserError(
                f"{pair.paths[0]}: {len(pair)} images, {dataset.packed(part)} lists {len(listed)}, "
                f"{dataset.info} says {info['counts'][part]}: pack the data again"
            )
    digests[part] = np.unique(np.array(seen, np.uint64))
    return {
        "images": len(listed),
        "encoded": encoded,
        "group_images": dict(zip(catalog.names, groups.tolist())),
        "duplicates": len(listed) - len(digests[part]),
    }
