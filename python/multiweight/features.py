"""Features of images: a net, its weights and an image LMDB -> one row of a blob for each image, in HDF5."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

from multiweight import engine, progress, snapshots, steps, transform
from multiweight.errors import UserError
from multiweight.runs import METHODS, UNTRAINED, Run

DEFAULT_BLOB = "fc7"
UNTRAINED_WEIGHTS = "initial weights"


@dataclass(frozen=True)
class Features:
    """What features.h5 holds: ``values`` (n, d) float32, ``keys`` (n,) of the LMDB in its order, and the attributes."""

    values: np.ndarray
    keys: list[str]
    attributes: dict[str, Any]


def extract(
    caffe: ModuleType,
    deploy: str | Path,
    images: str | Path,
    output: str | Path,
    *,
    weights: str | Path | None,
    mean: str | Path | None = None,
    blob: str = DEFAULT_BLOB,
    variant: str = "",
    seed: int = 1,
    batch: int = 50,
    show: bool = False,
) -> bool:
    """Write the blob of every image of an LMDB to ``output``; False when it is there already for the same inputs.

    ``deploy`` is a prototxt with an input ``data`` of (N, C, crop, crop); ``images`` an LMDB of Datum (raw or encoded,
    BGR); ``mean`` a binaryproto of the images' size, subtracted before the centre crop, as Caffe's TEST phase does.
    ``weights`` is a .caffemodel; None takes the net's initial weights, drawn with ``seed``. A blob with more than one
    axis after the batch is flattened. The file has the dataset ``<blob>`` (n, d) float32, ``keys`` (n,), and the
    attributes variant, weights (file name), weights_sha256, inputs_sha256 (net, mean, blob and images), engine, blob,
    created, seconds, zero_rows. It is written under another name and renamed when whole.

    UserError: a snapshot of another net (the layer and both shapes), an unknown blob, images of another size than the
    mean or smaller than the crop, an image that cannot be decoded, NaN or infinity among the features (by key).
    """
    deploy, images, output = Path(deploy), Path(images), Path(output)
    net_text = _read(deploy, "the net's deploy prototxt")
    # Initial weights come from the net's fillers, so the net and the seed stand for them.
    identity = _read(Path(weights), "the snapshot") if weights else b"seed %d\n" % seed + net_text
    weights_sha256 = hashlib.sha256(identity).hexdigest()
    with _open(images) as lmdb_env:
        inputs_sha256 = _inputs(net_text, mean, images, blob, lmdb_env.stat()["entries"])
        if _done(output, weights_sha256, inputs_sha256):
            return False
        started = time.time()
        caffe.set_random_seed(seed)
        net = caffe.Net(str(deploy), caffe.TEST)
        if weights:
            snapshots.check_weights(caffe, net, Path(weights), blob)
            net.copy_from(str(weights))
        if "data" not in net.blobs or blob not in net.blobs:
            missing = "data" if "data" not in net.blobs else blob
            raise UserError(f"{deploy}: no blob {missing!r}: the net's blobs are {', '.join(net.blobs)}")
        reader = transform.CentreCrop(caffe, images, mean, net.blobs["data"].data.shape[1:])
        output.parent.mkdir(parents=True, exist_ok=True)
        part = output.with_name(output.name + ".part")
        with h5py.File(str(part), "w") as file:
            zero = _fill(net, reader.batches(lmdb_env, batch), file, blob, lmdb_env.stat()["entries"], images, show)
            file.attrs.update(
                variant=variant,
                weights=Path(weights).name if weights else f"{UNTRAINED_WEIGHTS}, seed {seed}",
                weights_sha256=weights_sha256,
                inputs_sha256=inputs_sha256,
                engine=engine.describe(caffe),
                blob=blob,
                created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                seconds=time.time() - started,
                zero_rows=zero,
            )
        os.replace(str(part), str(output))
    return True


def extract_run(
    caffe: ModuleType,
    run: Run,
    *,
    blob: str | None = None,
    iteration: int | None = None,
    seed: int = 1,
    batch: int = 50,
    show: bool = False,
) -> bool:
    """:func:`extract` for the test images of a run's dataset, with its last snapshot or that of ``iteration``.

    The run called ``untrained`` has no training: it is the multi-label net with the initial weights of ``seed``. The
    blob is the one that the run's settings.json names (fc7 in the paper's nets), unless it is given.
    """
    untrained = run.variant == UNTRAINED
    net = run.dataset.run(METHODS[0]) if untrained else run
    if not net.deploy.exists():
        raise UserError(f"{net.deploy}: no such file: write the nets first (make prototxt)")
    snapshot = None
    if not untrained:
        chosen = run.last_snapshot() if iteration is None else iteration
        snapshot = run.snapshot(chosen) if chosen is not None else None
        if snapshot is None or not snapshot.exists():
            raise UserError(f"{snapshot or run.snapshots}: no snapshot: train {run.variant} first")
    if blob is None:
        blob = steps.read(net.settings).get("retrieval_blob", DEFAULT_BLOB) if net.settings.exists() else DEFAULT_BLOB
    return extract(
        caffe,
        net.deploy,
        run.dataset.images("test"),
        run.features,
        weights=snapshot,
        mean=run.dataset.mean if run.dataset.mean.exists() else None,
        blob=blob,
        variant=run.variant,
        seed=seed,
        batch=batch,
        show=show,
    )


def load(path: str | Path) -> Features:
    """Read a features.h5; UserError when it is missing, cut short or not one."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file: extract the features first (make features)")
    try:
        with h5py.File(str(path), "r") as file:
            attributes = {name: _plain(value) for name, value in file.attrs.items()}
            values = file[attributes["blob"]][()]
            keys = [_text(key) for key in file["keys"][()]]
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: not a whole features file ({error}): delete it and extract again") from None
    if values.ndim != 2 or len(values) != len(keys):
        raise UserError(f"{path}: {values.shape} features for {len(keys)} keys: delete it and extract again")
    bad = bad_rows(values)
    if len(bad):
        raise UserError(f"{path}: NaN or infinity in the features of {_named([keys[i] for i in bad])}")
    return Features(values.astype(np.float32, copy=False), keys, attributes)


def _fill(net: Any, batches: Any, file: Any, blob: str, total: int, images: Path, show: bool) -> int:
    """Write features and keys batch by batch; returns how many rows are all zero."""
    if not total:
        raise UserError(f"{images}: no images in it: pack the data again")
    at, zero, values, names = 0, 0, None, []
    bad: list[str] = []
    with (progress.bar if show else progress.quiet)(total=total, desc="features", unit="image") as bar:
        for keys, data in batches:
            net.blobs["data"].reshape(*data.shape)
            net.blobs["data"].data[...] = data
            net.forward()
            rows = np.array(net.blobs[blob].data, dtype=np.float32).reshape(len(data), -1)
            if values is None:
                values = file.create_dataset(blob, (total, rows.shape[1]), dtype=np.float32)
            values[at : at + len(rows)] = rows
            names += keys
            bad += [_text(keys[i]) for i in bad_rows(rows)]
            zero += len(zero_rows(rows))
            at += len(rows)
            bar.update(len(rows))
    if bad:
        raise UserError(f"the net gives NaN or infinity in {blob!r} for {_named(bad)}: train again, lower base_lr")
    file.create_dataset("keys", data=np.array(names))
    return zero


def zero_keys(features: Features) -> list[str]:
    """Keys of the images whose features are all zero: a cosine with them means nothing."""
    return [features.keys[i] for i in zero_rows(features.values)]


def bad_rows(features: np.ndarray) -> np.ndarray:
    """Rows that hold NaN or infinity, as indices."""
    return np.flatnonzero(~np.isfinite(features).all(axis=1))


def zero_rows(features: np.ndarray) -> np.ndarray:
    """Rows of zeros alone, as indices: their cosine with anything is undefined, and taken as 0."""
    return np.flatnonzero(~features.any(axis=1))


def _inputs(net_text: bytes, mean: str | Path | None, images: Path, blob: str, entries: int) -> str:
    """What the features depend on besides the weights, as one hash; the images by their pack's own description."""
    digest = hashlib.sha256(net_text)
    digest.update(_read(Path(mean), "the mean file") if mean else b"no mean")
    digest.update(json.dumps([blob, entries, (images / "data.mdb").stat().st_size]).encode())
    description = images.parent / "dataset.json"
    digest.update(description.read_bytes() if description.exists() else b"")
    return digest.hexdigest()


def _done(output: Path, weights_sha256: str, inputs_sha256: str) -> bool:
    if not output.exists():
        return False
    try:
        with h5py.File(str(output), "r") as file:
            found = [_plain(file.attrs.get(name)) for name in ("weights_sha256", "inputs_sha256")]
            return found == [weights_sha256, inputs_sha256] and "keys" in file
    except OSError:
        return False


def _open(images: Path) -> Any:
    lmdb = importlib.import_module("lmdb")
    if not (images / "data.mdb").exists():
        raise UserError(f"{images}: no LMDB there: pack the data first (make lmdb)")
    try:
        return lmdb.open(str(images), readonly=True, lock=False, readahead=False)
    except lmdb.Error as error:
        raise UserError(f"{images}: not a readable LMDB ({error})") from None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {what} cannot be read ({error.strerror})") from None


def _named(keys: Sequence[str]) -> str:
    return f"{len(keys)} image(s): {', '.join(keys[:5])}" + (", ..." if len(keys) > 5 else "")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    return _text(value) if isinstance(value, (bytes, str)) else getattr(value, "item", lambda: value)()

