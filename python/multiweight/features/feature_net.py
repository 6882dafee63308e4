"""The net that gives features and annotations: its files, its weights checked, its output blobs, a forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Run
from multiweight.features import trained_weights
from multiweight.nets import run_paths
from multiweight.paper.methods import BASELINE, UNTRAINED
from multiweight.records.catalog import Catalog


def net_of(run: Run, iteration: int | None = None) -> tuple[Run, Path | None]:
    """The run whose deploy net ``run`` uses, and the snapshot (of ``iteration``, else the last; None if untrained)."""
    untrained = run.variant == UNTRAINED
    net = run.dataset.run(BASELINE) if untrained else run
    if not net.deploy.exists():
        raise net.absent(net.deploy, "write the nets first (make prototxt)")
    if untrained:
        return net, None
    chosen = run.last_snapshot() if iteration is None else iteration
    snapshot = run.snapshot(chosen) if chosen is not None else None
    if snapshot is None or not snapshot.exists():
        raise UserError(f"{snapshot or run.snapshots}: no snapshot: train {run.variant} first")
    return net, snapshot


def open_net(caffe: ModuleType, deploy: Path, weights: str | Path | None, blobs: Sequence[str], seed: int = 1) -> Any:
    """The net with its weights, checked; UserError where they do not fit or a blob is missing."""
    read_bytes(deploy, "the net's deploy prototxt")
    caffe.set_random_seed(seed)
    net = caffe.Net(str(deploy), caffe.TEST)
    for blob in ("data", *blobs):
        if blob not in net.blobs:
            raise UserError(f"{deploy}: no blob {blob!r}: the net's blobs are {', '.join(net.blobs)}")
    if weights:
        for blob in blobs:
            trained_weights.check_weights(caffe, net, Path(weights), blob)
        net.copy_from(str(weights))
    return net


def output_blobs(caffe: ModuleType, deploy: Path, catalog: Catalog) -> list[str]:
    """The blobs with the sigmoid outputs, in catalog order: one ``prob``, or a ``prob_<group>`` a group."""
    proto = run_paths.read(deploy, engine.schema(caffe).NetParameter())
    tops = {top for layer in proto.layer for top in layer.top}
    wanted = ["prob"] if "prob" in tops else [f"prob_{group.slug}" for group in catalog.groups]
    missing = [name for name in wanted if name not in tops]
    if missing:
        raise UserError(f"{deploy}: no output {missing[0]!r}: the net is of another catalog than its dataset's")
    return wanted


def forward(net: Any, inputs: np.ndarray, blobs: Sequence[str], views: int) -> np.ndarray:
    """(images, values) float32 of the blobs one after the other, averaged over each image's ``views`` inputs."""
    net.blobs["data"].reshape(*inputs.shape)
    net.blobs["data"].data[...] = inputs
    net.forward()
    parts = [np.array(net.blobs[name].data, dtype=np.float32).reshape(len(inputs), -1) for name in blobs]
    values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    if views > 1:
        values = values.reshape(-1, views, values.shape[1]).mean(axis=1, dtype=np.float64).astype(np.float32)
    return values


def read_bytes(path: Path, what: str) -> bytes:
    """A whole file; UserError says ``what`` it should have been."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {what} cannot be read ({error.strerror})") from None
