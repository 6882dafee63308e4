"""Records: one line an image, with its product and its labels; reading and writing them as CSV."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from multiweight.catalog import Catalog
from multiweight.errors import UserError

HEADER = ("image", "product", "labels")
PACKED_HEADER = ("key", *HEADER)
MEMBER = "::"

Label = tuple[str, str]


class Record(NamedTuple):
    """One image: ``image`` a path below the data directory or ``archive.zip::member``, and its (group, label) pairs."""

    image: str
    product: str
    labels: tuple[Label, ...]

    @property
    def groups(self) -> set[str]:
        """The groups of which the image carries a label."""
        return {group for group, _ in self.labels}

    def vector(self, catalog: Catalog) -> np.ndarray:
        """The label vector p of Eq. (1): uint8 (catalog.size,), 1 where the image carries the label, else 0."""
        vector = np.zeros(catalog.size, np.uint8)
        for group, label in self.labels:
            vector[catalog.index(group, label)] = 1
        return vector


def table(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file with the number of the line each begins on (1 = first), empty lines left out.

    UTF-8 with or without a byte order mark, any line ends. Raises UserError, naming the line, for a file that cannot
    be read, is not UTF-8, or has broken quotes.
    """
    source = str(path)

    def lines() -> Iterator[str]:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    where = f"{error.reason} at byte {error.start} of the line"
                    raise UserError(f"{source}:{number}: not UTF-8 ({where}): save it as UTF-8") from None
                if "\0" in text:
                    raise UserError(f"{source}:{number}: a NUL byte: expected a text file in UTF-8")
                yield text

    reader = csv.reader(lines(), strict=True)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{source}:{start}: broken CSV ({error}): check the quotes of the row that begins here"
        ) from None
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror})") from None


def read(path: str | Path, catalog: Catalog | None = None) -> list[Record]:
    """Read ``records.csv``, ``train.csv`` or ``test.csv``; every mistake is a UserError that names the file and line.

    With a ``catalog``, a group or label that it does not know is an error that lists the known ones.
    """
    return [record for _, record in _records(path, HEADER, catalog)]


def read_packed(path: str | Path, catalog: Catalog | None = None) -> list[tuple[str, Record]]:
    """Read ``train_packed.csv`` or ``test_packed.csv``: (key, record) in the order of the LMDB."""
    return list(_records(path, PACKED_HEADER, catalog))


def _records(path: str | Path, header: Sequence[str], catalog: Catalog | None) -> Iterator[tuple[str, Record]]:
    source = str(path)
    rows = table(path)
    number, first = next(rows, (1, []))
    if tuple(first) != tuple(header):
        raise UserError(f"{source}:{number}: header {','.join(first)!r}: expected {','.join(header)}")
    seen: dict[str, int] = {}
    parsed: dict[str, tuple[Label, ...]] = {"": ()}
    for number, row in rows:
        at = f"{source}:{number}"
        if len(row) != len(header):
            expected = f"{len(header)} ({','.join(header)})"
            raise UserError(f"{at}: {len(row)} fields: expected {expected}; quote a field that holds a comma")
        key = row[0] if len(header) == 4 else ""
        image, product, text = row[-3:]
        problem = image_problem(image)
        if problem:
            raise UserError(f"{at}: image {image!r} {problem}")
        if image in seen:
            raise UserError(f"{at}: image {image!r} stands twice (first on line {seen[image]}): one row an image")
        seen[image] = number
        if not product.strip():
            raise UserError(
                f"{at}: the product is empty: the split keeps a product's images together, so each row names one"
            )
        if text not in parsed:
            parsed[text] = _parse(text, at, catalog)
        yield key, Record(image, product, parsed[text])


def _parse(text: str, at: str, catalog: Catalog | None) -> tuple[Label, ...]:
    labels: list[Label] = []
    for item in text.split("|"):
        group, equals, label = item.partition("=")
        if not equals or not group or not label or "=" in label:
            raise UserError(f"{at}: label {item!r}: expected group=label, several joined by |")
        if (group, label) in labels:
            raise UserError(f"{at}: label {item!r} stands twice")
        if catalog is not None:
            try:
                catalog.index(group, label)
            except UserError as error:
                raise UserError(f"{at}: {error}") from None
        labels.append((group, label))
    return tuple(labels)


def image_problem(reference: str) -> str:
    """What is wrong with an image reference of a table, or an empty string: it must stay below the data directory."""
    if not reference or reference != reference.strip():
        return "is empty or has spaces at its ends"
    parts = reference.split(MEMBER)
    if len(parts) > 2:
        return f"has more than one {MEMBER!r}: expected archive.zip{MEMBER}member"
    for part in parts:
        if not part:
            return f"lacks a name beside {MEMBER!r}: expected archive.zip{MEMBER}member"
        if part.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", part):
            return "is an absolute path: expected one relative to the data directory"
        if ".." in re.split(r"[/\\]", part):
            return "leads out of the data directory with '..'"
        if not part.isprintable():
            return "holds control characters"
    return ""


def write(path: str | Path, records: Iterable[Record]) -> None:
    """Write ``records.csv``; the file appears whole or not at all. UserError for a name that the format cannot hold."""
    _write(path, HEADER, ((record.image, record.product, label_text(record.labels)) for record in records))


def write_packed(path: str | Path, records: Iterable[tuple[str, Record]]) -> None:
    """Write ``train_packed.csv`` or ``test_packed.csv``: records with their LMDB keys, in order of the keys."""
    rows = ((key, record.image, record.product, label_text(record.labels)) for key, record in records)
    _write(path, PACKED_HEADER, rows)


def label_text(labels: Iterable[Label]) -> str:
    """``group=label|group=label``; UserError where a name holds ``=`` or ``|``."""
    items = []
    for group, label in labels:
        if any(mark in name for name in (group, label) for mark in "=|") or not group or not label:
            raise UserError(f"label {label!r} of group {group!r}: names must not be empty nor hold '=' or '|'")
        items.append(f"{group}={label}")
    return "|".join(items)


def _write(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    partial = Path(f"{path}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    os.replace(partial, path)
