"""Records of a million images in little memory: names in one buffer, products and labels as numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from multiweight.base.errors import UserError
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record, Statements


class RecordTable:
    """A record file as ``records.read`` gives it, about 100 bytes an image; ``table[n]`` makes the n-th Record."""

    def __init__(self, path: str | Path, catalog: Catalog | None = None):
        self._statements = Statements(catalog)
        self._names = bytearray()
        self._name_ends = array("q", [0])
        self._codes = array("i")
        self._code_ends = array("q", [0])
        self._product = array("i")
        self._products: list[str] = []
        numbers: dict[str, int] = {}
        lines, hashes = array("i"), array("q")
        for line, (_, image, product, text) in records.checked_rows(path, records.HEADER):
            self._codes.extend(self._statements.codes(text, f"{path}:{line}"))
            self._code_ends.append(len(self._codes))
            self._names += image.encode("utf-8")
            self._name_ends.append(len(self._names))
            number = numbers.setdefault(product, len(numbers))
            if number == len(self._products):
                self._products.append(product)
            self._product.append(number)
            lines.append(line)
            hashes.append(hash(image))
        self._refuse_doubles(path, lines, hashes)

    def _refuse_doubles(self, path: str | Path, lines: array[int], hashes: array[int]) -> None:
        values = np.frombuffer(hashes, np.int64) if hashes else np.zeros(0, np.int64)
        order = np.argsort(values, kind="stable")
        for at in np.flatnonzero(np.diff(values[order]) == 0):
            first, second = int(order[at]), int(order[at + 1])
            if self._image(first) == self._image(second):
                raise UserError(f"{path}:{lines[second]}: {records.twice(self._image(first), lines[first])}")

    def __len__(self) -> int:
        return len(self._product)

    def _image(self, number: int) -> str:
        return self._names[self._name_ends[number] : self._name_ends[number + 1]].decode("utf-8")

    def __getitem__(self, number: int) -> Record:
        codes = self._codes[self._code_ends[number] : self._code_ends[number + 1]]
        labels = records.by_kind(self._statements.known[code] for code in codes)
        return Record(self._image(number), self._products[self._product[number]], *labels)

    def __iter__(self) -> Iterator[Record]:
        return (self[number] for number in range(len(self)))
