"""The test images of a dataset as the pages show them: keys, products, labels."""

from __future__ import annotations

import numpy as np

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.records import records
from multiweight.records.catalog import Catalog


class Shop:
    """The packed test images in the order of their LMDB; UserError where they or the catalog are not there."""

    def __init__(self, dataset: Dataset):
        self.catalog = Catalog.load(dataset.catalog)
        packed = records.read_packed(dataset.packed("test"), self.catalog)
        if not packed:
            raise UserError(f"{dataset.packed('test')}: no test images: pack the data again (make lmdb)")
        self.keys = [key for key, _ in packed]
        self.records = [record for _, record in packed]
        self._rows = {key: row for row, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def row(self, key: str) -> int:
        """The position of a key; UserError where no test image has it."""
        if key not in self._rows:
            raise UserError(f"no test image has the key {key!r}: choose one on the page Shop")
        return self._rows[key]

    def labels(self, row: int) -> dict[str, list[str]]:
        """What an image carries: its labels by group, in the order of the catalog."""
        carried: dict[str, list[str]] = {}
        for group, label in sorted(self.records[row].labels, key=lambda pair: self.catalog.index(*pair)):
            carried.setdefault(group, []).append(label)
        return carried

    def with_label(self, group: str, label: str = "") -> list[int]:
        """Positions of the images with ``label`` of ``group``, or any label of it; all where ``group`` is empty."""
        if not group:
            return list(range(len(self)))
        if label:
            self.catalog.index(group, label)
            return [row for row, record in enumerate(self.records) if (group, label) in record.labels]
        self.catalog.group(group)
        return [row for row, record in enumerate(self.records) if group in record.groups]

    def label_vectors(self) -> np.ndarray:
        """(images, labels) bool: what each image carries."""
        vectors = np.zeros((len(self), self.catalog.size), dtype=bool)
        for vector, record in zip(vectors, self.records):
            vector[[self.catalog.index(group, label) for group, label in record.labels]] = True
        return vectors

    def described(self, row: int) -> dict[str, object]:
        """An image as the browser's scripts take it."""
        return {"key": self.keys[row], "product": self.records[row].product, "labels": self.labels(row)}
