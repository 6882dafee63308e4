"""Features of images: a net, its weights and images -> one row of a blob for each image, in HDF5."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

from multiweight.base import done, engine, hdf5_file, lock, progress, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Run
from multiweight.features import features_file, initial_weights_file, partial_rows, transform
from multiweight.features.feature_net import forward, net_of, open_net, output_blobs, read_bytes
from multiweight.features.settings import DEFAULTS, Settings
from multiweight.photos import image_source
from multiweight.records.catalog import Catalog

DEFAULT_BLOB = "fc7"
UNTRAINED_WEIGHTS = "initial weights"
OUTPUTS = "outputs"


@dataclass(frozen=True)
class Features:
    """What features.h5 holds: ``values`` (n, d) float32, ``keys`` (n,) of the LMDB in its order, and the attributes."""

    values: np.ndarray
    keys: list[str]
    attributes: dict[str, Any]


def extract(
    caffe: ModuleType,
    deploy: str | Path,
    images: str | Path | image_source.ListedImages,
    output: str | Path,
    *,
    weights: str | Path | None,
    mean: str | Path | None = None,
    blob: str | Sequence[str] | None = None,
    variant: str = "",
    settings: Settings = DEFAULTS,
    show: bool = False,
) -> bool:
    """Write the blob of every image to ``output``; False when it is there already for the same inputs.

    ``deploy`` is a prototxt with an input ``data`` of (N, C, crop, crop); ``images`` an LMDB of Datum (raw or encoded,
    BGR) or listed files; ``mean`` a binaryproto of the images' size, subtracted before the crop, as Caffe's TEST phase
    does. ``weights`` is a .caffemodel; None takes the net's initial weights, drawn with the settings' seed. ``blob``
    (default: that of the settings, else fc7) is flattened where it has more than one axis after the batch; of several
    blobs the values stand one after the other, under the name ``outputs``.

    The file has the dataset ``<blob>`` (n, d), ``keys`` (n,), and the attributes variant, weights (file name),
    weights_sha256, inputs_sha256 (net, mean, blob, views, precision and images), images_sha256 (they alone), engine,
    blob, views, created, seconds, zero_rows. It appears when it is whole; until then the finished rows stand beside it,
    and the same call goes on.

    UserError: a snapshot of another net (the layer and both shapes), an unknown blob, images of another size than the
    mean or smaller than the crop, an image that cannot be decoded, NaN or infinity among the features (by key).
    """
    deploy, output = Path(deploy), Path(output)
    if output.is_dir():
        raise UserError(f"{output}: a folder: expected the HDF5 file to write")
    wanted = blob or settings.blob or DEFAULT_BLOB
    blobs = [wanted] if isinstance(wanted, str) else list(wanted)
    views, half = settings.views, settings.float16
    net_text = read_bytes(deploy, "the net's deploy prototxt")
    # Initial weights come from the net's fillers, so the net and the seed stand for them.
    identity = read_bytes(Path(weights), "the snapshot") if weights else b"seed %d\n" % settings.seed + net_text
    weights_sha256 = hashlib.sha256(identity).hexdigest()
    source = images if isinstance(images, image_source.ListedImages) else image_source.LmdbImages(caffe, Path(images))
    try:
        inputs_sha256 = _inputs(net_text, mean, source, [*blobs, views, "float16" if half else "float32"])
        asked = {"weights_sha256": weights_sha256, "inputs_sha256": inputs_sha256}
        again = done.Otherwise.MADE_AGAIN
        if done.finished(output, asked, otherwise=again, made_with=features_file.attributes, show=show) is not None:
            return False
        if not source.count:
            advice = "pack the data again" if isinstance(source, image_source.LmdbImages) else "give a path a line"
            raise UserError(f"{source.path}: no images in it: {advice}")
        started = time.time()
        net = open_net(caffe, deploy, weights, blobs, settings.seed)
        reader = transform.Views(caffe, mean, net.blobs["data"].data.shape[1:], views)
        rows = partial_rows.PartialRows(output, f"{weights_sha256} {inputs_sha256}")
        try:
            _fill(net, source, reader, rows, blobs, settings.batch, show)
        finally:
            rows.close()
        name = blobs[0] if len(blobs) == 1 else OUTPUTS
        attributes = dict(
            variant=variant,
            weights=Path(weights).name if weights else f"{UNTRAINED_WEIGHTS}, seed {settings.seed}",
            weights_sha256=weights_sha256,
            inputs_sha256=inputs_sha256,
            images_sha256=hashlib.sha256(source.identity()).hexdigest(),
            engine=engine.describe(caffe),
            blob=name,
            views=views,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            seconds=time.time() - started,
        )
        _write(output, rows, source.keys(), half, attributes)
    finally:
        source.close()
    return True


@lock.scope
def extract_run(
    caffe: ModuleType,
    run: Run,
    settings: Settings = DEFAULTS,
    *,
    iteration: int | None = None,
    outputs: bool = False,
    untrained: bool = False,
    show: bool = False,
) -> bool:
    """:func:`extract` for the test images of a run's dataset, with its last snapshot or that of ``iteration``.

    ``untrained`` takes the initial weights of the settings' seed instead, with BatchNorm's running sums of some
    training batches. The run called ``untrained`` has no training: it is the multi-label net with its initial weights.
    The blob is the one that the run's settings.json names (fc7 in the paper's nets), unless it is given. ``outputs``
    takes the sigmoid outputs of all groups instead, into probabilities.h5.
    """
    lock.hold(run.dataset.data, "extract-features", shared=True)
    net, snapshot = (run, None) if untrained else net_of(run, iteration)
    lock.hold(run.root, "extract-features", name=lock.RESULTS)
    if snapshot is None and initial_weights_file.has_batch_norm(caffe, net):
        snapshot = initial_weights_file.write_initial_weights(caffe, net, settings.seed)
    wanted: str | Sequence[str] | None = None
    if outputs:
        wanted = output_blobs(caffe, net.deploy, Catalog.load(run.dataset.catalog))
    elif settings.blob is None and net.settings.exists():
        wanted = done.read(net.settings).get("retrieval_blob")
    return extract(
        caffe,
        net.deploy,
        run.dataset.images("test"),
        run.probabilities if outputs else run.features,
        weights=snapshot,
        mean=run.dataset.mean if run.dataset.mean.exists() else None,
        blob=wanted,
        variant=run.variant,
        settings=settings,
        show=show,
    )


def load(path: str | Path) -> Features:
    """Read a features.h5; UserError when it is missing, cut short or not one."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file: extract the features first (make features)")
    with features_file.opened(path) as (dataset, keys, attributes):
        values = features_file.rows(dataset, path)
    bad = bad_rows(values)
    if len(bad):
        raise UserError(f"{path}: NaN or infinity in the features of {_named([keys[i] for i in bad])}")
    return Features(values.astype(np.float32, copy=False), keys, attributes)


def _fill(
    net: Any, source: Any, reader: transform.Views, rows: Any, blobs: Sequence[str], batch: int, show: bool
) -> None:
    """Append the rows of all images from the first that ``rows`` lacks, a forward pass at a time."""
    waiting: list[np.ndarray] = []
    with (progress.bar if show else progress.quiet)(
        total=source.count, initial=rows.done, desc="features", unit="image"
    ) as bar:

        def flush() -> None:
            rows.append(forward(net, np.concatenate(waiting), blobs, reader.count))
            bar.update(len(waiting))
            waiting.clear()

        for where, pixels in source.images(rows.done):
            waiting.append(reader.of(where, pixels))
            if len(waiting) * reader.count >= batch:
                flush()
        if waiting:
            flush()


def _write(output: Path, rows: Any, keys: Sequence[str], half: bool, attributes: dict[str, Any]) -> None:
    """The finished rows as HDF5, under another name until it is whole."""
    zero, at = 0, 0
    bad: list[str] = []
    with whole_file.place(output) as partial:
        with h5py.File(str(partial), "w") as file:
            shape = (len(keys), rows.columns)
            values = file.create_dataset(attributes["blob"], shape, dtype=np.float16 if half else np.float32)
            for part in rows.parts():
                with np.errstate(over="ignore"):  # a value beyond float16 becomes infinite, an error below
                    stored = part.astype(values.dtype)
                values[at : at + len(part)] = stored
                bad += [keys[at + i] for i in bad_rows(stored)]
                zero += len(zero_rows(stored))
                at += len(part)
            file.create_dataset("keys", data=np.array([key.encode() for key in keys]))
            hdf5_file.describe(file, {"zero_rows": zero, **attributes})
        rows.remove()
        if bad:
            advice = "train again, lower base_lr" + (", or store float32" if half else "")
            raise UserError(f"the net gives NaN or infinity in {attributes['blob']!r} for {_named(bad)}: {advice}")


def zero_keys(features: Features) -> list[str]:
    """Keys of the images whose features are all zero: a cosine with them means nothing."""
    return [features.keys[i] for i in zero_rows(features.values)]


def bad_rows(features: np.ndarray) -> np.ndarray:
    """Rows that hold NaN or infinity, as indices."""
    return np.flatnonzero(~np.isfinite(features).all(axis=1))


def zero_rows(features: np.ndarray) -> np.ndarray:
    """Rows of zeros alone, as indices: their cosine with anything is undefined, and taken as 0."""
    return np.flatnonzero(~features.any(axis=1))


def _inputs(net_text: bytes, mean: str | Path | None, source: Any, options: Sequence[str]) -> str:
    """What the features depend on besides the weights, as one hash; the images by their pack's own description."""
    digest = hashlib.sha256(net_text)
    digest.update(read_bytes(Path(mean), "the mean file") if mean else b"no mean")
    digest.update(json.dumps(list(options)).encode())
    digest.update(source.identity())
    return digest.hexdigest()


def _named(keys: Sequence[str]) -> str:
    return f"{len(keys)} image(s): {', '.join(keys[:5])}" + (", ..." if len(keys) > 5 else "")
