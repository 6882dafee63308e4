"""The trained runs' nets, ready for photos: one forward pass gives the features and the labels' probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from multiweight.base import done
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.evaluate import packed_labels
from multiweight.features import extraction, feature_net, features_file, transform
from multiweight.paper.methods import REFERENCES, in_order
from multiweight.photos import decoding
from multiweight.query.index import Found, ShopIndex
from multiweight.serve.shop import Shop

Identity = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Seen:
    """What a net gives some photos: ``features`` (n, d) float32, ``outputs`` (n, labels) float32 in catalog order."""

    features: np.ndarray
    outputs: np.ndarray


class PhotoNet:
    """A run's net with the weights that its features are of, or with its last snapshot where it has none.

    ``no_index`` says why no products can be found by it; an empty string where they can.
    """

    def __init__(self, caffe: ModuleType, run: Run, shop: Shop):
        attributes = _attributes(run)
        net, weights = feature_net.net_of(run, _iteration(run, str(attributes.get("weights", ""))))
        self._index, self.no_index = _index(run, weights, shop)
        settings = done.read(run.settings) if run.settings.exists() else {}
        blob = str(attributes.get("blob") or settings.get("retrieval_blob") or extraction.DEFAULT_BLOB)
        self._blobs = [blob, *feature_net.output_blobs(caffe, net.deploy, shop.catalog)]
        self._net = feature_net.open_net(caffe, net.deploy, weights, self._blobs)
        mean = run.dataset.mean if run.dataset.mean.exists() else None
        shape = self._net.blobs["data"].data.shape[1:]
        self._reader = transform.Views(caffe, mean, shape, str(attributes.get("views") or "centre"))
        self._side = self._reader.mean.shape[-1] if self._reader.mean is not None else shape[-1]
        packed = done.read(run.dataset.info) if run.dataset.info.exists() else {}
        self._resize = str(packed.get("resize") or "warp")
        self._labels, self._records = shop.catalog.size, shop.records

    def packed_as(self, pixels: np.ndarray) -> np.ndarray:
        """A decoded photo (height, width, 3) as packing makes it: (3, side, side) uint8 BGR."""
        return np.ascontiguousarray(decoding.resize(pixels, self._side, self._resize).transpose(2, 0, 1))

    def see(self, photos: Sequence[np.ndarray]) -> Seen:
        """Features and probabilities of photos (3, side, side) as packed."""
        inputs = np.concatenate([self._reader.of(f"photo {n + 1}", pixels) for n, pixels in enumerate(photos)])
        values = feature_net.forward(self._net, inputs, self._blobs, self._reader.count)
        width = values.shape[1] - self._labels
        if width < 1:
            raise UserError(f"a net of {values.shape[1]} values, a catalog of {self._labels} labels: train again")
        return Seen(values[:, :width], values[:, width:])

    def products(self, feature: np.ndarray, count: int, without: str = "") -> list[Found]:
        """An image of each of the ``count`` products nearest to one feature (d,); none where there is no index."""
        if self._index is None:
            return []
        return self._index.products(feature, count, lambda image: self._records[image.position].product, without)


class Nets:
    """The nets of a dataset's trained runs, each loaded when first asked for and anew when its files have changed.

    To be used by one thread alone: an engine's mode and its nets are a thread's own.
    """

    def __init__(self, caffe: ModuleType, dataset: Dataset):
        self._caffe, self._dataset = caffe, dataset
        self._loaded: dict[str, tuple[Identity, PhotoNet]] = {}

    def get(self, variant: str, shop: Shop) -> PhotoNet:
        """The net of a run; UserError where it is not trained, or was deleted since the page was opened."""
        run = self._dataset.run(variant)
        if variant not in trained(self._dataset):
            self._loaded.pop(variant, None)
            raise UserError(f"{run.root}: no trained run there any more: train it, or load the page again")
        identity = _identity(run)
        if variant not in self._loaded or self._loaded[variant][0] != identity:
            self._loaded[variant] = (identity, PhotoNet(self._caffe, run, shop))
        return self._loaded[variant][1]


def trained(dataset: Dataset) -> list[str]:
    """The runs that have a snapshot, the paper's methods first."""
    return [
        name
        for name in in_order(dataset.variants())
        if name not in REFERENCES and dataset.run(name).last_snapshot() is not None
    ]


def _identity(run: Run) -> Identity:
    known = (run.features, run.deploy, run.dataset.catalog, run.dataset.packed("test"))
    last = run.last_snapshot()
    files = [*known, run.snapshot(last)] if last is not None and not run.features.exists() else known
    stamps = []
    for path in files:
        try:
            stat = path.stat()
            stamps.append((str(path), stat.st_mtime_ns, stat.st_size))
        except OSError:
            stamps.append((str(path), 0, 0))
    return tuple(stamps)


def _iteration(run: Run, weights: str) -> int | None:
    """Of the snapshot with that file name, where it is still there: a training that goes on writes later ones."""
    stem = weights.rpartition("_iter_")[2].partition(".")[0]
    return int(stem) if stem.isdigit() and run.snapshot(int(stem)).exists() else None


def _attributes(run: Run) -> dict[str, object]:
    """What the features say of themselves; nothing where there are none, or not whole ones."""
    try:
        return features_file.attributes(run.features)
    except UserError:
        return {}


def _index(run: Run, weights: Path | None, shop: Shop) -> tuple[ShopIndex | None, str]:
    """The index, or why there is none."""
    if not run.features.exists():
        return None, f"{run.variant} has no features yet: extract them (make features), then it finds products"
    try:
        index = ShopIndex(run)
        if weights is not None and done.sha256(weights) != index.features.attributes.get("weights_sha256"):
            raise UserError(f"{run.features}: of other weights than {weights.name}: extract the features again")
        packed_labels.check_images(run, run.features, index.features.keys, shop.keys)
    except UserError as error:
        return None, str(error)
    return index, ""
