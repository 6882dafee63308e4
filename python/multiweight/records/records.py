"""Records: one line per image, with its product and its labels; reading and writing them as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from multiweight.base import csv_file, markup
from multiweight.base.errors import UserError
from multiweight.records import cells
from multiweight.records.catalog import Catalog

HEADER = ("image", "product", "labels")
PACKED_HEADER = ("key", *HEADER)
MEMBER = "::"
ALL = "*"  # in place of a label: the group's other labels
UNKNOWN_AS = ("no", "ignore")

Label = tuple[str, str]
Statement = tuple[str, str, str]  # "yes", "no" or "unknown"; group; label


class Record(NamedTuple):
    """One image: ``image`` a path below the data directory or ``archive.zip::member``, and its (group, label) pairs.

    ``labels`` are those it carries; ``no`` those it is said not to carry, ``unknown`` those that are said to be
    unknown, where the label ``*`` stands for the rest of its group.
    """

    image: str
    product: str
    labels: tuple[Label, ...]
    no: tuple[Label, ...] = ()
    unknown: tuple[Label, ...] = ()

    @property
    def groups(self) -> set[str]:
        """The groups of which the image carries a label."""
        return {group for group, _ in self.labels}

    def vector(self, catalog: Catalog, unknown: str = "no") -> np.ndarray:
        """The label vector p of Eq. (1), (catalog.size,): 1 where the image carries the label, else 0.

        ``unknown`` ``no``, as in the paper: uint8, what is not known counts as no. ``ignore``: int8, -1 where it is
        not known: a label that the record calls unknown, and every label of a group of which it says nothing.
        """
        if unknown == "no":
            vector = np.zeros(catalog.size, np.uint8)
        else:
            vector = np.full(catalog.size, -1, np.int8)
            hidden = {group for group, label in self.unknown if label == ALL}
            for group in {group for group, _ in (*self.labels, *self.no)} - hidden:
                vector[catalog.slices[group]] = 0
            for value, pairs in ((0, self.no), (-1, self.unknown)):
                for group, label in pairs:
                    if label != ALL:
                        vector[catalog.index(group, label)] = value
        for group, label in self.labels:
            vector[catalog.index(group, label)] = 1
        return vector


def read(path: str | Path, catalog: Catalog | None = None) -> list[Record]:
    """Read ``records.csv``, ``train.csv`` or ``test.csv``; every mistake is a UserError that names the file and line.

    With a ``catalog``, a group or label that it does not know is an error that lists the known ones.
    """
    return [record for _, record in _records(path, HEADER, catalog)]


def read_packed(path: str | Path, catalog: Catalog | None = None) -> list[tuple[str, Record]]:
    """Read ``train_packed.csv`` or ``test_packed.csv``: (key, record) in the order of the LMDB."""
    return list(_records(path, PACKED_HEADER, catalog))


def _records(path: str | Path, header: Sequence[str], catalog: Catalog | None) -> Iterator[tuple[str, Record]]:
    seen: dict[str, int] = {}
    statements = LabelColumn(catalog)
    parsed: dict[str, Sequence[tuple[Label, ...]]] = {}
    for number, (key, image, product, text) in checked_rows(path, header):
        at = f"{path}:{number}"
        if image in seen:
            raise UserError(f"{at}: {twice(image, seen[image])}")
        seen[image] = number
        if text not in parsed:
            parsed[text] = by_kind(map(statements.known.__getitem__, statements.codes(text, at)))
        yield key, Record(image, product, *parsed[text])


def twice(image: str, first: int) -> str:
    """The message for an image with two rows; ``first`` is the line of the first."""
    return f"image {image!r} stands twice (first on line {first}): one row an image"


def by_kind(statements: Iterable[Statement]) -> Sequence[tuple[Label, ...]]:
    """The (group, label) pairs of ``yes``, ``no`` and ``unknown``, as a Record holds them."""
    pairs: dict[str, list[Label]] = {"yes": [], "no": [], "unknown": []}
    for kind, group, label in statements:
        pairs[kind].append((group, label))
    return [tuple(of_kind) for of_kind in pairs.values()]


def checked_rows(path: str | Path, header: Sequence[str]) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    """(line, (key, image, product, labels)) of a record file, all but the labels checked; UserError names the line."""
    source = str(path)
    rows = csv_file.rows(path)
    number, first = next(rows, (1, []))
    if tuple(first) != tuple(header):
        raise UserError(f"{source}:{number}: header {','.join(first)!r}: expected {','.join(header)}")
    for number, row in rows:
        at = f"{source}:{number}"
        if len(row) != len(header):
            expected = f"{len(header)} ({','.join(header)})"
            raise UserError(f"{at}: {len(row)} fields: expected {expected}; quote a field that holds a comma")
        key = row[0] if len(header) == 4 else ""
        image, product, text = map(markup.from_cell, row[-3:])
        problem = image_problem(image)
        if problem:
            raise UserError(f"{at}: image {image!r} {problem}")
        product = cells.tidy(product)
        if cells.is_missing(product):
            found = f"{product!r} stands for a missing value" if product else "the product is empty"
            raise UserError(f"{at}: {found}: the split keeps a product's images together, so each row names one")
        if cells.control(product):
            raise UserError(f"{at}: product {product!r} {cells.control(product)}")
        yield number, (key, image, product, text)


class LabelColumn:
    """Reads the column ``labels``; each different item is checked once, and known by its place in ``known``.

    ``group=label`` says yes, ``group!=label`` no, ``group?=label`` unknown; the label ``*``, after ``!=`` and ``?=``
    alone, stands for the rest of the group.
    """

    def __init__(self, catalog: Catalog | None = None):
        self.known: list[Statement] = []
        self._catalog = catalog
        self._codes: dict[str, int] = {}

    def codes(self, text: str, at: str) -> list[int]:
        """Places in ``known`` of the items of ``text``; UserError beginning with ``at`` for a mistake."""
        if not text:
            return []
        codes = []
        for item in text.split("|"):
            code = self._codes.get(item)
            if code is None:
                code = self._codes[item] = len(self.known)
                self.known.append(self._statement(item, at))
            codes.append(code)
        pairs = [self.known[code][1:] for code in codes]
        if len(set(pairs)) != len(pairs):
            double = next(pair for n, pair in enumerate(pairs) if pair in pairs[:n])
            raise UserError(f"{at}: label '{double[0]}={double[1]}' stands twice")
        return codes

    def _statement(self, item: str, at: str) -> Statement:
        group, equals, label = cells.tidy(item).partition("=")
        kind = {"!": "no", "?": "unknown"}.get(group[-1:], "yes")
        group = group if kind == "yes" else group[:-1]
        if not equals or not group or not label or "=" in label or (label == ALL and kind == "yes"):
            raise UserError(f"{at}: label {item!r}: expected group=label, several joined by |")
        if self._catalog is not None:
            try:
                if label == ALL:
                    self._catalog.group(group)
                else:
                    self._catalog.index(group, label)
            except UserError as error:
                raise UserError(f"{at}: {error}") from None
        return kind, group, label


def image_problem(reference: str) -> str:
    """What is wrong with an image reference of a table, or an empty string: it must stay below the data directory."""
    # Spaces of other kinds stay: macOS writes U+202F into the names of screenshots.
    if not reference or reference != reference.strip(" \t\r\n"):
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
        if cells.control(part):
            return cells.control(part)
    return ""


def one_spelling(reference: str) -> str:
    """The reference without ``./`` and doubled ``/``, so that a photo has one name: ``./a//b.jpg`` is a/b.jpg."""
    return re.sub(r"(?<=/)(?:\./|/)+|(?:^|(?<=::))(?:\./+)+", "", reference)


def write(path: str | Path, records: Iterable[Record]) -> None:
    """Write ``records.csv``; the file appears whole or not at all. UserError for a name that the format cannot hold."""
    csv_file.write(path, HEADER, ((record.image, record.product, stated(record)) for record in records))


def write_packed(path: str | Path, records: Iterable[tuple[str, Record]]) -> None:
    """Write ``train_packed.csv`` or ``test_packed.csv``: records with their LMDB keys, in order of the keys."""
    rows = ((key, record.image, record.product, stated(record)) for key, record in records)
    csv_file.write(path, PACKED_HEADER, rows)


def stated(record: Record) -> str:
    """A record's column ``labels``; UserError where a name holds ``=`` or ``|``."""
    items = []
    for sign, pairs in (("=", record.labels), ("!=", record.no), ("?=", record.unknown)):
        for group, label in pairs:
            if any(mark in name for name in (group, label) for mark in "=|") or not group or not label:
                raise UserError(f"label {label!r} of group {group!r}: names must not be empty nor hold '=' or '|'")
            items.append(f"{group}{sign}{label}")
    return "|".join(items)
