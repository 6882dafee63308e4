"""The products nearest to a photo: an index over a features file, by FAISS, flat and exact or for large shops."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from multiweight.base import done, lock, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Run
from multiweight.features import extraction, feature_net, transform
from multiweight.photos import image_source

KINDS = ("flat", "ivf", "hnsw")


@dataclass(frozen=True)
class Found:
    """A result: ``position`` in the features file, its key, and the cosine with the photo."""

    position: int
    key: str
    score: float


class ShopIndex:
    """Cosine search over a run's features.h5 by ``kind``: ``flat`` is exact; ``ivf`` and ``hnsw`` trade some recall for
    speed. The last two are built once and kept beside the features as index.<kind>, with a note of what they are of.
    """

    def __init__(self, run: Run, kind: str = "flat"):
        if kind not in KINDS:
            raise UserError(f"index {kind!r} is unknown: expected one of {', '.join(KINDS)}")
        try:
            self._faiss = importlib.import_module("faiss")
        except ImportError:
            raise UserError("search needs FAISS: pip install faiss-cpu (or '.[search]')") from None
        if not run.features.exists():
            raise run.absent(run.features, "extract the features first (make features)")
        self.features = extraction.load(run.features)
        self.kind = kind
        self.path = run.root / f"index.{kind}"
        note = run.root / f"index.{kind}.json"
        names = ("weights_sha256", "inputs_sha256", "blob")
        identity = {name: self.features.attributes.get(name) for name in names}
        if kind != "flat" and self.path.exists() and _noted(note) == identity:
            try:
                self._index = self._faiss.read_index(str(self.path))
                if (self._index.ntotal, self._index.d) == self.features.values.shape:
                    return
            except (RuntimeError, MemoryError):  # cut short or damaged: it is built again
                pass
        self._index = self._built(kind)
        if kind != "flat":
            try:
                self._keep(note, identity)
            except (RuntimeError, OSError, UserError) as error:  # FAISS's own, the system's, and of another process
                reason = str(error).rpartition(": ")[2] if isinstance(error, RuntimeError) else str(error)
                reason = error.strerror or reason if isinstance(error, OSError) else reason
                print(
                    f"warning: {self.path}: the index cannot be kept ({reason}): built for this call", file=sys.stderr
                )

    @lock.scope
    def _keep(self, note: Path, identity: dict[str, Any]) -> None:
        lock.hold(self.path.parent, "search", name=lock.RESULTS)
        with whole_file.place(self.path) as part:
            self._faiss.write_index(self._index, str(part))
        whole_file.write(note, json.dumps(identity))

    def _built(self, kind: str) -> Any:
        values = _unit(self.features.values)
        n, d = values.shape
        inner = self._faiss.METRIC_INNER_PRODUCT
        if kind == "flat":
            index = self._faiss.IndexFlatIP(d)
        elif kind == "hnsw":
            index = self._faiss.IndexHNSWFlat(d, 32, inner)
        else:
            # FAISS asks for 39 points a cell.
            cells = max(1, min(int(4 * np.sqrt(n)), n // 39))
            index = self._faiss.IndexIVFFlat(self._faiss.IndexFlatIP(d), d, cells, inner)
            index.train(values)
            index.nprobe = max(1, cells // 16)
        index.add(values)
        return index

    def search(self, query: np.ndarray, k: int) -> list[Found]:
        """The ``k`` best of one feature (d,), fewer where the shop has fewer."""
        if len(query) != self.features.values.shape[1]:
            width = self.features.values.shape[1]
            raise UserError(f"a feature of {len(query)} values, an index of {width}: they are of two nets")
        wanted = min(k, len(self.features.keys))
        unit = _unit(query[None])
        for options in self._reaches(wanted):
            scores, places = self._index.search(unit, wanted, params=options)
            if (places[0] >= 0).all():
                break
        else:
            # A graph may have parts that no way leads to.
            every = (_unit(self.features.values) @ unit[0]).astype(np.float32)
            places = np.argsort(-every, kind="stable")[None, :wanted]
            scores = every[places]
        return [Found(int(at), self.features.keys[at], float(score)) for at, score in zip(places[0], scores[0])]

    def _reaches(self, wanted: int) -> Iterator[Any]:
        """How far to search for ``wanted`` photos: further each time, since an index may stop before it has them."""
        if self.kind == "flat":
            yield None
        elif self.kind == "ivf":
            cells = self._index.nprobe
            while True:
                yield self._faiss.SearchParametersIVF(nprobe=min(cells, self._index.nlist))
                if cells >= self._index.nlist:
                    return
                cells *= 4
        else:
            for times in (2, 8, 32):
                yield self._faiss.SearchParametersHNSW(efSearch=min(max(64, times * wanted), len(self.features.keys)))

    def products(self, query: np.ndarray, k: int, product_of: Callable[[Found], str], without: str = "") -> list[Found]:
        """The nearest image of each of the ``k`` nearest products; ``product_of`` tells an image's product.

        The product ``without`` is left out: that of the query, where it is an image of the shop.
        """
        wanted = 4 * k
        while True:
            images = self.search(query, wanted)
            nearest: dict[str, Found] = {}
            for image in images:
                nearest.setdefault(product_of(image), image)
            nearest.pop(without, None)
            if len(nearest) >= k or len(images) < wanted:
                return list(nearest.values())[:k]
            wanted *= 4


class PhotoFeatures:
    """Features of photos by the net and the weights that an index is of."""

    def __init__(self, caffe: ModuleType, run: Run, index: ShopIndex, iteration: int | None = None):
        net, weights = feature_net.net_of(run, iteration)
        attributes = index.features.attributes
        if weights is not None and done.sha256(weights) != attributes.get("weights_sha256"):
            raise UserError(
                f"{run.features}: of other weights than {weights}: extract the features again (make features)"
            )
        self.blobs = [str(attributes["blob"])]
        self.net = feature_net.open_net(caffe, net.deploy, weights, self.blobs)
        mean = run.dataset.mean if run.dataset.mean.exists() else None
        shape = self.net.blobs["data"].data.shape[1:]
        self.reader = transform.Views(caffe, mean, shape, str(attributes.get("views") or "centre"))
        self.side = self.reader.mean.shape[-1] if self.reader.mean is not None else shape[-1]

    def of(self, photo: Path) -> np.ndarray:
        """(d,) float32."""
        inputs = self.reader.of(str(photo), image_source.photo(photo, self.side))
        return feature_net.forward(self.net, inputs, self.blobs, self.reader.count)[0]


def _unit(values: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.ascontiguousarray(values / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _noted(note: Path) -> dict[str, Any] | None:
    """What a kept index is of; None where nothing whole says so."""
    try:
        return done.read(note)
    except UserError:
        return None
