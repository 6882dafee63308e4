"""Compact storage of the records of a file: image names in one buffer, products and labels as numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from multiweight.base.errors import UserError
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import LabelColumn, Record


class RecordTable:
    """The records of a file, read-only, in about 100 bytes per image; ``table[n]`` makes the n-th Record.

    Indices are those of a list, ``table[-1]`` the last; no slices. ``catalog`` checks the labels. UserError names the
    file and the line of a bad row or of an image named twice.
    """

    def __init__(self, path: str | Path, catalog: Catalog | None = None):
        self._label_column = LabelColumn(catalog)
        self._names = bytearray()
        self._name_offsets = array("q", [0])  # name n is _names[_name_offsets[n] : _name_offsets[n + 1]]
        self._label_ids = array("i")  # indices into _statements.known, of all rows one after the other
        self._label_offsets = array("q", [0])
        self._product_ids = array("i")
        self._product_names: list[str] = []
        id_of_product: dict[str, int] = {}
        lines, hashes = array("i"), array("q")
        for line, (_, image, product, text) in records.checked_rows(path, records.HEADER):
            self._label_ids.extend(self._label_column.codes(text, f"{path}:{line}"))
            self._label_offsets.append(len(self._label_ids))
            self._names += image.encode("utf-8")
            self._name_offsets.append(len(self._names))
            product_id = id_of_product.setdefault(product, len(id_of_product))
            if product_id == len(self._product_names):
                self._product_names.append(product)
            self._product_ids.append(product_id)
            lines.append(line)
            hashes.append(hash(image))
        self._reject_duplicates(path, lines, hashes)

    def _reject_duplicates(self, path: str | Path, lines: array[int], hashes: array[int]) -> None:
        """UserError where two rows have one image; by sorted hashes, since a set of a million names takes 100 MB."""
        values = np.frombuffer(hashes, np.int64) if hashes else np.zeros(0, np.int64)
        order = np.argsort(values, kind="stable")
        equal = np.flatnonzero(np.diff(values[order]) == 0)
        rows_of: dict[str, int] = {}
        for row in np.union1d(order[equal], order[equal + 1]).tolist():
            first = rows_of.setdefault(self._image(row), row)
            if first != row:
                raise UserError(f"{path}:{lines[row]}: {records.twice(self._image(row), lines[first])}")

    def __len__(self) -> int:
        return len(self._product_ids)

    def _image(self, row: int) -> str:
        return self._names[self._name_offsets[row] : self._name_offsets[row + 1]].decode("utf-8")

    def __getitem__(self, index: int) -> Record:
        row = range(len(self))[index]
        codes = self._label_ids[self._label_offsets[row] : self._label_offsets[row + 1]]
        labels = records.by_kind(self._label_column.known[code] for code in codes)
        return Record(self._image(row), self._product_names[self._product_ids[row]], *labels)

    def __iter__(self) -> Iterator[Record]:
        return (self[row] for row in range(len(self)))
