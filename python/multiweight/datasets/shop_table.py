"""Any shop: a table ``shop.csv`` or ``shop.jsonl`` of image, product, texts and labels, beside its photos.

Columns: ``image`` (a path below the folder, or ``archive.zip::member``), ``product``, any number of texts (``text`` or
``text_...``), and every other column is a group of labels: ``red|blue`` yes, ``!red`` no, ``?`` or ``?red`` unknown,
an empty cell says nothing. Texts are labelled by ``keywords.yaml`` (see tools/build_catalog.py). Groups and labels are
those of ``catalog.yaml`` where the folder has one, else of the columns and the keywords.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from multiweight.base import csv_file
from multiweight.base.errors import UserError
from multiweight.datasets.loaded import Loaded
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import ALL, Label, Record, by_kind, image_problem
from multiweight.text.keywords import Keywords

NAME = "shop"
LAYOUT = "shop.csv or shop.jsonl with the columns image, product, text and/or label columns; keywords.yaml for texts"
TABLES = ("shop.csv", "shop.jsonl")
INPUTS = (*TABLES, "keywords.yaml", "catalog.yaml")
KINDS = {"!": "no", "?": "unknown"}

Row = dict[str, str]


class Said(NamedTuple):
    """What one row says: the line, the product, (kind, group, label) statements."""

    line: int
    product: str
    statements: tuple[tuple[str, str, str], ...]


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    return any((folder / name).is_file() for name in TABLES)


def load(folder: Path, min_products: int = 2) -> Loaded:
    """Catalog and records of the table.

    A row without a usable image or product, and an image whose rows contradict each other, are left out and listed
    with their line; rows that repeat an image with the same labels count once and are listed too. Without a
    ``catalog.yaml``, labels of fewer than ``min_products`` products are left out and named in the notes.
    """
    path = next(folder / name for name in TABLES if (folder / name).is_file())
    keywords = Keywords.load(folder / "keywords.yaml") if (folder / "keywords.yaml").is_file() else Keywords()
    rows: dict[str, list[Said]] = {}
    bad: list[BadImage] = []
    texts = False
    for line, row in _table(path):
        image, product = row.get("image", "").strip(), row.get("product", "").strip()
        problem = image_problem(image) or ("" if product else "has no product")
        if problem:
            bad.append(BadImage(f"{path.name}:{line}", product, "import", f"image {image!r} {problem}"))
            continue
        text = " \n ".join(value for name, value in row.items() if is_text(name) and value)
        texts = texts or bool(text)
        statements = _statements(row, f"{path}:{line}")
        stated = {(group, label) for _, group, label in statements}
        mined = [("yes", *pair) for pair in keywords.labels(text) if pair not in stated]
        rows.setdefault(image, []).append(Said(line, product, (*statements, *mined)))
    if not rows:
        raise UserError(f"{path}: no usable row")
    notes = [] if keywords.groups or not texts else [f"no keywords.yaml in {folder}: the texts give no labels"]
    catalog = _catalog(folder, rows, keywords, min_products, notes)
    known = {(group.name, label) for group in catalog.groups for label in (*group.labels, ALL)}
    records = []
    for image, said in rows.items():
        first = said[0]
        for other in said[1:]:
            same = set(other.statements) == set(first.statements) and other.product == first.product
            reason = f"{'the same' if same else 'conflicting'} row for {image}, first on line {first.line}"
            bad.append(BadImage(f"{path.name}:{other.line}", other.product, "import", reason))
        if any(set(other.statements) != set(first.statements) or other.product != first.product for other in said):
            bad.append(BadImage(image, first.product, "import", "its rows contradict each other"))
            continue
        kept = [(kind, group, label) for kind, group, label in first.statements if (group, label) in known]
        records.append(Record(image, first.product, *by_kind(kept)))
    return Loaded(catalog, records, bad, notes)


def is_text(column: str) -> bool:
    """Whether a column holds texts."""
    return column == "text" or column.startswith("text_")


def texts(path: Path, columns: Sequence[str] = ()) -> Iterator[str]:
    """The texts of any CSV or JSONL table, one a row, for mining keywords.

    ``columns`` are joined (default: ``text`` and ``text_...``); UserError where a column is missing.
    """
    for line, row in _csv(path) if path.suffix != ".jsonl" else _jsonl(path):
        missing = [name for name in columns if name not in row] if path.suffix != ".jsonl" else []
        if missing:
            raise UserError(f"{path}:{line}: no column {missing[0]!r}: found {', '.join(row)}")
        text = " \n ".join(value for name, value in row.items() if (name in columns if columns else is_text(name)))
        if text.strip():
            yield text


def _table(path: Path) -> Iterator[tuple[int, Row]]:
    rows = _csv(path) if path.suffix != ".jsonl" else _jsonl(path)
    for line, row in rows:
        for name in ("image", "product"):
            if name not in row:
                at = f"{path}:{line if path.suffix == '.jsonl' else 1}"
                raise UserError(f"{at}: no column {name!r}: found {', '.join(row) or 'nothing'}")
        yield line, row


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    lines = csv_file.rows(path)
    number, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    if len(set(header)) != len(header) or not all(header):
        raise UserError(f"{path}:{number}: columns {', '.join(header)}: each needs a name of its own")
    for number, fields in lines:
        if len(fields) != len(header):
            raise UserError(
                f"{path}:{number}: {len(fields)} fields, expected {len(header)}: quote a field that holds a comma"
            )
        yield number, dict(zip(header, fields))


def _jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.strip():
                    continue
                try:
                    found = json.loads(raw.decode("utf-8-sig"))
                except UnicodeDecodeError as error:
                    raise UserError(f"{path}:{number}: not UTF-8 ({error.reason}): save it as UTF-8") from None
                except json.JSONDecodeError as error:
                    raise UserError(f"{path}:{number}: not valid JSON ({error.msg}): one object a line") from None
                if not isinstance(found, dict):
                    raise UserError(f"{path}:{number}: expected a JSON object, one a line")
                yield number, {str(name): _cell(value, f"{path}:{number}", name) for name, value in found.items()}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _cell(value: object, at: str, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "|".join(value)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise UserError(f"{at}: {name}: {value!r}: expected a text, a number or a list of texts")


def _statements(row: Row, at: str) -> tuple[tuple[str, str, str], ...]:
    found: dict[Label, str] = {}
    for group, cell in row.items():
        if group in ("image", "product") or is_text(group):
            continue
        for item in filter(None, (part.strip() for part in cell.split("|"))):
            kind = KINDS.get(item[0], "yes")
            label = item if kind == "yes" else item[1:].strip()
            if kind == "no" and not label:
                raise UserError(f"{at}: {group}: '!' alone: expected !label")
            label = label or ALL
            if "=" in label or found.get((group, label), kind) != kind:
                what = "'=' cannot be used" if "=" in label else "yes and no at once"
                raise UserError(f"{at}: {group}: label {label!r}: {what}")
            found[group, label] = kind
    return tuple((kind, group, label) for (group, label), kind in found.items())


def _catalog(
    folder: Path, rows: dict[str, list[Said]], keywords: Keywords, min_products: int, notes: list[str]
) -> Catalog:
    if (folder / "catalog.yaml").is_file():
        catalog = Catalog.load(folder / "catalog.yaml")
        for image, said in rows.items():
            for one in said:
                for _, group, label in one.statements:
                    if group not in catalog.names or label not in (*catalog.group(group).labels, ALL):
                        raise UserError(
                            f"{folder}: line {one.line} ({image}): {group}={label} is not in catalog.yaml: add it there"
                        )
        return catalog
    products: dict[Label, set[str]] = {}
    for said in rows.values():
        for one in said:
            for _, group, label in one.statements:
                if label != ALL:
                    products.setdefault((group, label), set()).add(one.product)
    order = {group: list(labels) for group, labels in keywords.groups.items()}
    for group, label in sorted(products):
        if label not in order.setdefault(group, []):
            order[group].append(label)
    groups = {}
    rare: Counter[str] = Counter()
    for group, labels in order.items():
        kept = [label for label in labels if len(products.get((group, label), ())) >= min_products]
        rare[group] = sum(0 < len(products.get((group, label), ())) < min_products for label in labels)
        if kept:
            groups[group] = {"kind": keywords.kinds.get(group, "attribute"), "labels": kept}
    notes += [f"{group}: left out {n} labels of fewer than {min_products} products" for group, n in rare.items() if n]
    if not groups:
        raise UserError(
            f"{folder}: no labels: give label columns, or texts and a keywords.yaml whose groups hold words of theirs "
            "(tools/build_catalog.py finds candidates; moving them into groups is yours)"
        )
    return Catalog.from_dict(groups)
