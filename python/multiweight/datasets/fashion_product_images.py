"""Kaggle's Fashion Product Images (Param Aggarwal), small or full: ``styles.csv`` and ``images/`` or ``images.zip``.

One image per product. The columns id, gender, subCategory, articleType, baseColour, season and usage are required,
the title, productDisplayName, is optional, others are ignored. More labels are found in the titles by the words of
``fashion_product_images.keywords.yaml``. The full set has rows whose title holds a comma without quotes.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from multiweight.base import csv_file, make_variables
from multiweight.base.errors import UserError
from multiweight.datasets.loaded import Loaded
from multiweight.photos import archives
from multiweight.photos.alike_names import AbsentFiles
from multiweight.photos.decoding import UnreadableImage
from multiweight.records import cells
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.cells import is_missing
from multiweight.records.records import MEMBER, Label, Record
from multiweight.text.keywords import Keywords

NAME = "fashion_product_images"
LAYOUT = "styles.csv with images.zip or images/"
#: The columns that become groups of kind attribute.
ATTRIBUTE_COLUMNS = ("gender", "season", "usage", "baseColour")
TITLE = "productDisplayName"
KEYWORDS = Path(__file__).with_name("fashion_product_images.keywords.yaml")
INPUTS = ("styles.csv", str(KEYWORDS))
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".jp2")


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    return (folder / "styles.csv").is_file()


def load(folder: Path, min_products: int = 2) -> Loaded:
    """Catalog and records of the set.

    Groups: the columns gender, season, usage and baseColour, one group of kind ``type`` for each subCategory that
    holds at least two article types of ``min_products`` products, and the keyword groups of the titles: how often an
    image has a label differs widely between them, which the paper's weights depend on. An empty or NA value is no
    label. A label of fewer than ``min_products`` products is left out and named in the notes: the train/test split is
    by product, so that a label of one product would be missing from one of the two. Groups and labels are
    in a fixed order: columns as above, subCategories by name, keywords as in their file. Rows with a wrong number of
    fields, without an id or with a second use of one are listed as bad, with their line. UserError: no usable row, no
    photos, two groups of one name.
    """
    path = folder / "styles.csv"
    rows, bad = _rows(path)
    if not rows:
        first = f", the first ({bad[0].image}): {bad[0].reason}" if bad else ""
        raise UserError(f"{path}: no usable row below the header; {len(bad)} cannot be used{first}")
    notes: list[str] = []
    images = _images(folder, notes)
    counts: dict[str, Counter[str]] = {column: Counter() for column in ATTRIBUTE_COLUMNS}
    types: dict[str, Counter[str]] = {}
    for row in rows:
        for column in ATTRIBUTE_COLUMNS:
            if not is_missing(row[column]):
                counts[column][row[column]] += 1
        if not is_missing(row["subCategory"]) and not is_missing(row["articleType"]):
            types.setdefault(row["subCategory"], Counter())[row["articleType"]] += 1

    keywords = Keywords.load(KEYWORDS)
    _refuse_equal_names(path, types, keywords)
    title_labels = [keywords.labels(row.get(TITLE, "")) for row in rows]
    title_label_counts = Counter(pair for pairs in title_labels for pair in pairs)
    groups: dict[str, dict[str, object]] = {}
    single = []
    for name, counter in [*counts.items(), *sorted(types.items())]:
        labels = sorted(label for label, count in counter.items() if count >= min_products)
        rare = sorted(set(counter) - set(labels))
        if name in types and len(labels) < 2:
            single.append(f"{name} ({', '.join(f'{label} {counter[label]}' for label in sorted(counter))})")
            continue
        if rare:
            notes.append(f"{name}: left out {', '.join(rare)}: on fewer than {min_products} products")
        if labels:
            groups[name] = {"kind": "type" if name in types else "attribute", "labels": labels}
    if single:
        products = f"{min_products} products or more"
        notes.append(f"no group for subCategory {', '.join(single)}: fewer than two article types with {products}")
    if TITLE not in rows[0]:
        notes.append(f"no group of keywords: {path.name} has no column {TITLE!r}")
    _add_keyword_groups(groups, notes, keywords, title_label_counts, min_products)
    if not groups:
        raise UserError(
            f"{path}: no label is on {min_products} products or more: lower "
            f"{make_variables.in_settings('--min-products', 'import')}"
        )
    catalog = Catalog.from_dict(groups, str(path))
    known = {(group.name, label) for group in catalog.groups for label in group.labels}

    records = []
    for row, mined_pairs in zip(rows, title_labels):
        pairs = [(column, row[column]) for column in ATTRIBUTE_COLUMNS] + [(row["subCategory"], row["articleType"])]
        pairs += mined_pairs
        # A product without a file keeps the name it should have, so that the list of bad images can say it.
        reference = images.get(row["id"], f"images/{row['id']}.jpg")
        records.append(Record(reference, row["id"], tuple(pair for pair in pairs if pair in known)))
    return Loaded(catalog, records, bad, notes)


def _refuse_equal_names(path: Path, types: Iterable[str], keywords: Keywords) -> None:
    """UserError where a subCategory or a group of keywords has another group's name, whose labels it would replace."""
    column = next((name for name in types if name in ATTRIBUTE_COLUMNS), None)
    if column is not None:
        raise UserError(
            f"{path}: subCategory {column!r} has the name of a column that is a group: rename it in the table"
        )
    for name in keywords.groups:
        if name in ATTRIBUTE_COLUMNS or name in types:
            where = "a column that is a group" if name in ATTRIBUTE_COLUMNS else f"a subCategory of {path}"
            raise UserError(f"{KEYWORDS}: group {name!r} has the name of {where}: rename it there or here")


def _add_keyword_groups(
    groups: dict[str, dict[str, object]],
    notes: list[str],
    keywords: Keywords,
    title_label_counts: Counter[Label],
    min_products: int,
) -> None:
    for name, words_of_label in keywords.groups.items():
        labels = [label for label in words_of_label if title_label_counts[name, label] >= min_products]
        rare = [label for label in words_of_label if 0 < title_label_counts[name, label] < min_products]
        if rare:
            notes.append(f"{name}: left out {', '.join(rare)}: on fewer than {min_products} products")
        if labels:
            groups[name] = {"kind": keywords.kinds.get(name, "attribute"), "labels": labels}


def _rows(path: Path) -> tuple[list[dict[str, str]], list[BadImage]]:
    lines = csv_file.rows(path)
    number, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    missing = [name for name in ("id", "subCategory", "articleType", *ATTRIBUTE_COLUMNS) if name not in header]
    if missing:
        raise UserError(f"{path}:{number}: no column {missing[0]!r}: found {', '.join(header) or 'nothing'}")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}:{number}: the column {twice!r} stands twice: rename or delete one of them")
    rows, bad = [], []
    seen: dict[str, int] = {}
    for number, fields in lines:
        row = {name: cells.tidy(field) for name, field in zip(header, fields)}
        key = row["id"] = cells.without_float_suffix(row.get("id", ""))
        names = [
            row[name]
            for name in (*ATTRIBUTE_COLUMNS, "subCategory", "articleType")
            if not is_missing(row.get(name, ""))
        ]
        unfit = next((name for name in names if cells.name_problem(name)), None)
        reason = ""
        if len(fields) != len(header):
            guess = ": an unquoted comma?" if len(fields) > len(header) else ""
            reason = f"{len(fields)} fields, expected {len(header)}{guess}"
        elif is_missing(key):
            reason = f"no id: found {key!r}"
        elif not all(c.isalnum() or c in "-_" for c in key):
            reason = f"id {key!r}: expected letters, digits, - and _"
        elif unfit is not None:
            reason = f"{unfit!r} {cells.name_problem(unfit)}"
        elif key in seen:
            reason = f"id {key} stands twice, first on line {seen[key]}"
        if reason:
            bad.append(BadImage(f"{path.name}:{number}", key, "import", reason))
        else:
            seen[key] = number
            rows.append(row)
    return rows, bad


def _images(folder: Path, notes: list[str]) -> dict[str, str]:
    """id -> image reference: ``images`` before ``images.zip``, of one id the first of ``EXTENSIONS``."""
    directory, archive = folder / "images", folder / "images.zip"
    if directory.is_dir():
        if archive.is_file():
            notes.append("images.zip is not read: images/ is taken")
        # Some tools unpack images.zip, which holds a folder images, into a folder images.
        inner = directory / "images"
        if inner.is_dir():
            notes.append("images/images/ is read too")
        names = [f"images/{name}" for name in sorted(os.listdir(directory))]
        names += [f"images/images/{name}" for name in sorted(os.listdir(inner))] if inner.is_dir() else []
    elif archive.is_file():
        members = archives.opened(str(archive), AbsentFiles(str(folder)))
        if isinstance(members, UnreadableImage):
            raise UserError(f"{archive}: {members}: download it again")
        with members:
            names = [f"images.zip{MEMBER}{name}" for name in sorted(members.namelist())]
    else:
        raise UserError(f"{folder}: neither images/ nor images.zip: expected the set's photos beside styles.csv")
    photos: list[tuple[int, str, str]] = []
    for name in names:
        # Old zip programs of Windows write a member's folders with backslashes.
        stem, extension = os.path.splitext(re.split(r"[/\\]|::", name)[-1])
        if extension.lower() in EXTENSIONS:
            photos.append((EXTENSIONS.index(extension.lower()), stem, name))
    by_id: dict[str, str] = {}
    for _, stem, name in sorted(photos, key=lambda entry: entry[0]):
        by_id.setdefault(stem, name)
    return by_id
