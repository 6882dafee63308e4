"""Any shop: a table ``shop.csv`` or ``shop.jsonl`` of image, product, texts and labels, beside its photos.

Columns: ``image`` (a path below the folder, or ``archive.zip::member``), ``product``, any number of texts (``text`` or
``text_...``), and every other column is a group of labels: ``red|blue`` yes, ``!red`` no, ``?`` or ``?red`` unknown,
an empty cell says nothing. Texts are labelled by ``keywords.yaml`` (see tools/build_catalog.py). Groups and labels are
those of ``catalog.yaml`` where the folder has one, else of the columns and the keywords. A word for a missing value
(NA, None, null, ... of ``records.cells``) says nothing either, unless ``catalog.yaml`` has it as a label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from multiweight.base import make_variables
from multiweight.base.errors import UserError
from multiweight.datasets import label_columns, shop_rows
from multiweight.datasets.loaded import Loaded
from multiweight.records import cells
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import ALL, Label, Record, by_kind, image_problem, one_spelling
from multiweight.text.keywords import Keywords

NAME = "shop"
LAYOUT = "shop.csv or shop.jsonl with the columns image, product, text and/or label columns; keywords.yaml for texts"
TABLES = ("shop.csv", "shop.jsonl")
INPUTS = (*TABLES, "keywords.yaml", "catalog.yaml")
KINDS = {"!": "no", "?": "unknown"}


class Said(NamedTuple):
    """What one row says: the line, the product, (kind, group, label) statements."""

    line: int
    product: str
    statements: tuple[tuple[str, str, str], ...]


class Counts(NamedTuple):
    """What the notes tell: column -> value -> rows, of labels and of words for a missing value; ids mended."""

    labels: dict[str, Counter[str]]
    missing: dict[str, Counter[str]]
    mended: list[str]


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    return any((folder / name).is_file() for name in TABLES)


def table_of(folder: Path) -> Path:
    """The one table of a folder; UserError where it has two, or none."""
    tables = [folder / name for name in TABLES if (folder / name).is_file()]
    if not tables:
        raise UserError(f"{folder}: neither {' nor '.join(TABLES)}: expected a table of the shop's photos")
    if len(tables) > 1:
        raise UserError(f"{folder}: {' and '.join(TABLES)}: two tables: keep one, with the rows of both if they differ")
    return tables[0]


def load(folder: Path, min_products: int = 2) -> Loaded:
    """Catalog and records of the table.

    A row without a usable image or product, and an image whose rows contradict each other, are left out and listed
    with their line; rows that repeat an image with the same labels count once and are listed too. Without a
    ``catalog.yaml``, labels of fewer than ``min_products`` products are left out and named in the notes.
    """
    path = table_of(folder)
    decided = folder / "keywords.yaml"
    keywords = Keywords.load(decided) if decided.is_file() else Keywords()
    own = Catalog.load(folder / "catalog.yaml") if (folder / "catalog.yaml").is_file() else None
    rows: dict[str, list[Said]] = {}
    bad: list[BadImage] = []
    counts = Counts({}, {}, [])
    texts = False
    for line, row in shop_rows.rows(path):
        image, product = one_spelling(row.get("image", "").strip(" \t\r\n")), cells.tidy(row.get("product", ""))
        problem = f"image {image!r} {image_problem(image)}" if image_problem(image) else _product_problem(product)
        if problem:
            bad.append(BadImage(f"{path.name}:{line}", product, "import", problem))
            continue
        if cells.without_float_suffix(product) != product:
            counts.mended.append(product)
            product = cells.without_float_suffix(product)
        text = " \n ".join(
            value for name, value in row.items() if shop_rows.is_text(name) and not cells.is_missing(value)
        )
        texts = texts or bool(text)
        statements = _statements(row, f"{path}:{line}", own, counts)
        stated = {(group, label) for _, group, label in statements}
        mined = [("yes", *pair) for pair in keywords.labels(text) if pair not in stated]
        rows.setdefault(image, []).append(Said(line, product, (*statements, *mined)))
    if not rows:
        first = f", the first ({bad[0].image}): {bad[0].reason}" if bad else ""
        raise UserError(f"{path}: no usable row; {len(bad)} cannot be used{first}")
    advice = f"{decided} has no group yet: move candidates into groups" if decided.is_file() else f"no {decided}"
    notes = [f"{advice}; the texts give no labels"] if texts and not keywords.groups else []
    notes += _notes(counts)
    catalog = _known(own, path, rows) if own else _catalog(path, rows, keywords, min_products, notes)
    known = {(group.name, label) for group in catalog.groups for label in (*group.labels, ALL)}
    records = []
    for image, image_rows in rows.items():
        first_row = image_rows[0]
        for other in image_rows[1:]:
            same = set(other.statements) == set(first_row.statements) and other.product == first_row.product
            reason = f"{'the same' if same else 'conflicting'} row for {image}, first on line {first_row.line}"
            bad.append(BadImage(f"{path.name}:{other.line}", other.product, "import", reason))
        if any(
            set(other.statements) != set(first_row.statements) or other.product != first_row.product
            for other in image_rows
        ):
            bad.append(BadImage(image, first_row.product, "import", "its rows contradict each other"))
            continue
        kept = [(kind, group, label) for kind, group, label in first_row.statements if (group, label) in known]
        records.append(Record(image, first_row.product, *by_kind(kept)))
    return Loaded(catalog, records, bad, notes)


def texts(path: Path, columns: Sequence[str] = ()) -> Iterator[str]:
    """The texts of any CSV or JSONL table, one per row, for mining keywords.

    ``columns`` are joined (default: ``text`` and ``text_...``); UserError where a column is missing.
    """
    for line, row in shop_rows.of_any_table(path):
        missing = [name for name in columns if name not in row] if path.suffix != ".jsonl" else []
        if missing:
            raise UserError(f"{path}:{line}: no column {missing[0]!r}: found {', '.join(row)}")
        chosen = (value for name, value in row.items() if (name in columns if columns else shop_rows.is_text(name)))
        text = " \n ".join(value for value in chosen if not cells.is_missing(value))
        if text.strip():
            yield text


def _product_problem(product: str) -> str:
    if cells.is_missing(product):
        return f"has no product ({product})" if product else "has no product"
    if cells.shortened(product):
        return f"product {product!r} is a number that a spreadsheet has shortened: make its column text, export again"
    return f"product {product[:40]!r} {cells.control(product)}" if cells.control(product) else ""


def _statements(row: shop_rows.Row, at: str, own: Catalog | None, counts: Counts) -> tuple[tuple[str, str, str], ...]:
    kinds: dict[Label, str] = {}
    for group, cell in row.items():
        if group in ("image", "product") or shop_rows.is_text(group):
            continue
        labels = own.group(group).labels if own and group in own.names else ()
        for item in filter(None, map(cells.tidy, cell.split("|"))):
            if item not in labels and cells.is_missing(item):
                counts.missing.setdefault(group, Counter())[item] += 1
                continue
            kind = KINDS.get(item[0], "yes") if item not in labels else "yes"
            label = item if kind == "yes" else item[1:].strip()
            if kind == "no" and not label:
                raise UserError(f"{at}: {group}: '!' alone: expected !label")
            label = label or ALL
            if kinds.get((group, label), kind) != kind:
                raise UserError(f"{at}: {group}: label {label!r}: yes and no at once")
            problem = "" if label == ALL and kind != "yes" else cells.name_problem(label)
            if problem:
                raise UserError(f"{at}: {group}: label {label[:60]!r} {problem}")
            if kind == "yes":
                counts.labels.setdefault(group, Counter())[label] += 1
            kinds[group, label] = kind
    return tuple((kind, group, label) for (group, label), kind in kinds.items())


def _notes(counts: Counts) -> list[str]:
    notes = []
    if counts.mended:
        notes.append(f"product: {len(counts.mended):,} ids as {counts.mended[0]} are read without the .0")
    for group, words_of_group in counts.missing.items():
        words = ", ".join(f"{word} {n:,}" for word, n in words_of_group.most_common(5))
        notes.append(f"{group}: {sum(words_of_group.values()):,} cells say nothing ({words})")
    for group, words_of_group in counts.labels.items():
        doubt = label_columns.doubt(words_of_group)
        if doubt:
            notes.append(f"{group}: looks like no labels ({doubt}): leave the column out, or call it text_{group}")
    return notes


def _known(own: Catalog, path: Path, rows: dict[str, list[Said]]) -> Catalog:
    """The person's catalog; UserError for a statement that it does not know."""
    for image, image_rows in rows.items():
        for table_row in image_rows:
            for _, group, label in table_row.statements:
                if group not in own.names or label not in (*own.group(group).labels, ALL):
                    raise UserError(
                        f"{path}:{table_row.line}: {image}: {group}={label} is not in catalog.yaml: add it there"
                    )
    return own


def _catalog(
    path: Path, rows: dict[str, list[Said]], keywords: Keywords, min_products: int, notes: list[str]
) -> Catalog:
    products: dict[Label, set[str]] = {}
    for image_rows in rows.values():
        for table_row in image_rows:
            for _, group, label in table_row.statements:
                if label != ALL:
                    products.setdefault((group, label), set()).add(table_row.product)
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
    if not groups and products:
        raise UserError(
            f"{path}: all {len(products)} labels are left out, each of fewer than {min_products} products "
            f"(the first: {'='.join(min(products))}): lower "
            f"{make_variables.in_settings('--min-products', 'import')}"
        )
    if not groups:
        raise UserError(
            f"{path}: no labels: give label columns, or texts and a keywords.yaml whose groups hold words of theirs "
            "(tools/build_catalog.py finds candidates; moving them into groups is yours)"
        )
    # Names that no net can have came from a column, or from keywords.yaml, which was checked with its lines.
    return Catalog.from_dict(groups, str(path))
