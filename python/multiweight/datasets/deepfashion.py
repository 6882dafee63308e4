"""DeepFashion, Category and Attribute Prediction (MMLab, CUHK): ``Anno_coarse``, ``Eval`` and ``Img`` as published.

Older copies call the first folder ``Anno``; ``Anno_fine`` alone is read by ``deepfashion_fine.py``.

Each list has a first line with its number of rows, a second with its columns' names, then one row per item, columns
apart by spaces; attribute and category names hold spaces themselves. The format is that of the README in the archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from multiweight.base.errors import UserError
from multiweight.datasets import deepfashion_fine
from multiweight.datasets.loaded import Loaded
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.cells import name_problem, tidy
from multiweight.records.records import ALL, MEMBER, Label, Record

NAME = "deepfashion"
LAYOUT = (
    "Anno_coarse/ (or Anno/) with list_attr_cloth.txt and its three sisters and Eval/list_eval_partition.txt, or "
    "Anno_fine/ with train.txt, train_attr.txt, train_cate.txt, ...; Img/img/ or Img/img.zip"
)
FOLDERS = ("Anno", "Anno_coarse")
LISTS = ("list_category_cloth.txt", "list_category_img.txt", "list_attr_cloth.txt", "list_attr_img.txt")
INPUTS = (
    *(f"{folder}/{name}" for folder in FOLDERS for name in LISTS),
    "Eval/list_eval_partition.txt",
    *deepfashion_fine.INPUTS,
)
ATTRIBUTES = {"1": "texture", "2": "fabric", "3": "shape", "4": "part", "5": "style"}
CATEGORIES = {"1": "upper body", "2": "lower body", "3": "full body"}
PARTS = {"train": "train", "val": "train", "test": "test"}
EVAL = "list_eval_partition.txt"


class Names(NamedTuple):
    """(group, name) of each label in the order of the list."""

    labels: list[Label]
    groups: dict[str, list[str]]


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    whole = any((folder / name / "list_attr_img.txt").is_file() for name in FOLDERS)
    return whole or deepfashion_fine.detect(folder)


def load(folder: Path, min_products: int = 2) -> Loaded:
    """Catalog and records: three groups of categories (kind ``type``) and five of attributes, as the types number them.

    Attributes have three values: 1 yes, -1 no, 0 unknown; a category is one of all, so that the others are no. The
    product is the folder of an image, one shop page each. ``partition`` is the set's own, val counted as train.
    ``min_products`` is not applied: the lists are the set's own. A wrong number of rows or fields is a UserError with
    its line; an image that one list lacks is left out and listed.
    """
    present = [name for name in FOLDERS if (folder / name / "list_attr_img.txt").is_file()]
    if not present:
        return deepfashion_fine.load(folder, _prefix(folder))
    annotations = folder / present[0]
    notes = [f"{name}/ is not read: {present[0]}/ is taken" for name in present[1:]]
    if deepfashion_fine.detect(folder):
        notes.append(f"Anno_fine/ is not read: {present[0]}/ has all photos; to read it, give a folder with it alone")
    categories = _names(annotations / "list_category_cloth.txt", CATEGORIES)
    attributes = _names(annotations / "list_attr_cloth.txt", ATTRIBUTES)
    catalog = Catalog.from_dict(  # the two lists are checked with their lines
        {
            **{name: {"kind": "type", "labels": labels} for name, labels in categories.groups.items() if labels},
            **{name: labels for name, labels in attributes.groups.items() if labels},
        }
    )
    category_of, unclear = _categories(annotations / "list_category_img.txt", categories)
    partition, in_both = _partition(folder / "Eval" / EVAL)
    unclear.update(in_both)
    prefix = _prefix(folder)
    other = {name for name in categories.groups if name in catalog.names}
    records: list[Record] = []
    bad: list[BadImage] = []
    parts: dict[str, str] = {}
    path = annotations / "list_attr_img.txt"
    seen: dict[str, int] = {}
    for line, fields in _rows(path, len(attributes.labels)):
        image = fields[0]
        product = image.rpartition("/")[0] or image
        if image in seen:
            reason = f"a second row for {image}, first on line {seen[image]}"
            bad.append(BadImage(f"{path.name}:{line}", product, "import", reason))
            continue
        seen[image] = line
        reason = unclear.get(image) or next(
            (f"not in {name}" for name, known in (("list_category_img.txt", category_of), (EVAL, partition))
             if image not in known), ""
        )  # fmt: skip
        if reason:
            bad.append(BadImage(prefix + image, product, "import", reason))
            continue
        category = category_of[image]
        yes, no, unknown = _values(fields[1], attributes, f"{path}:{line}")
        no += [(name, ALL) for name in sorted(other - {category[0]})]
        records.append(Record(prefix + image, product, (category, *yes), tuple(no), tuple(unknown)))
        parts[prefix + image] = partition[image]
    bad += [
        BadImage(prefix + image, image.rpartition("/")[0], "import", "not in list_attr_img.txt")
        for image in dict.fromkeys((*category_of, *partition))
        if image not in seen
    ]
    return Loaded(catalog, records, bad, notes, parts)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the rows below the two of the head; UserError where there are not as many as the first says."""
    promised, rows, number = "", 0, 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    text = raw.decode("utf-8-sig").strip()
                except UnicodeDecodeError as error:
                    raise UserError(f"{path}:{number}: not UTF-8 ({error.reason}): unpack the archive again") from None
                if number == 1:
                    promised = text
                    if not known_number(promised, 10**9):
                        raise UserError(f"{path}:1: {promised!r}: expected the number of rows")
                elif number > 2 and text:
                    rows += 1
                    yield number, text
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): unpack the archive's {path.parent.name}/"
        ) from None
    if not promised or rows != int(promised):
        raise UserError(f"{path}: {rows} rows, its first line says {promised or 'nothing'}: unpack the archive again")


def _names(path: Path, types: dict[str, str]) -> Names:
    names = Names([], {group: [] for group in types.values()})
    for line, text in _lines(path):
        name, _, kind = text.rpartition(" ")
        name = tidy(" ".join(name.split()))
        if kind not in types or not name:
            raise UserError(f"{path}:{line}: {text!r}: expected a name and a type, one of {', '.join(types)}")
        problem = name_problem(name)
        if not problem and name in names.groups[types[kind]]:
            problem = f"stands twice with type {kind}: keep one"
        if problem:
            raise UserError(f"{path}:{line}: {name!r} {problem}")
        names.labels.append((types[kind], name))
        names.groups[types[kind]].append(name)
    return names


def _rows(path: Path, values: int) -> Iterator[tuple[int, tuple[str, list[str]]]]:
    """(line, (image, values)): an image's name may hold spaces."""
    for line, text in _lines(path):
        fields = text.rsplit(maxsplit=values)
        if len(fields) != values + 1:
            raise UserError(f"{path}:{line}: {len(fields) - 1} values: expected {values}")
        yield line, (fields[0], fields[1:])


def _categories(path: Path, names: Names) -> tuple[dict[str, Label], dict[str, str]]:
    """Image -> category, and the images of which the list says two, with that reason; a row may stand twice."""
    categories: dict[str, Label] = {}
    unclear: dict[str, str] = {}
    for line, (image, (number,)) in _rows(path, 1):
        if not known_number(number, len(names.labels)):
            raise UserError(f"{path}:{line}: category {number!r}: expected 1 to {len(names.labels)}")
        label = names.labels[int(number) - 1]
        if categories.setdefault(image, label) != label:
            unclear[image] = f"two categories in {path.name}, {categories[image][1]} and {label[1]} (line {line})"
    return categories, unclear


def known_number(text: str, most: int) -> bool:
    """Whether a text is a whole number from 1 to ``most``."""
    return text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most


def _partition(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Image -> part, and the images that stand in both parts, with that reason; a row may stand twice."""
    part_of: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for line, (image, (part,)) in _rows(path, 1):
        if part not in PARTS:
            raise UserError(f"{path}:{line}: {part!r}: expected train, val or test")
        if part_of.setdefault(image, PARTS[part]) != PARTS[part]:
            unclear[image] = f"two parts in {path.name}, train and test (line {line})"
    return part_of, unclear


def _values(values: Sequence[str], names: Names, at: str) -> tuple[list[Label], list[Label], list[Label]]:
    """The labels yes, no and unknown; of the last two, a group's larger share is said by one ``*``."""
    yes: list[Label] = []
    other: dict[str, dict[str, list[Label]]] = {group: {"-1": [], "0": []} for group in names.groups}
    for value, label in zip(values, names.labels):
        if value == "1":
            yes.append(label)
        elif value in ("-1", "0"):
            other[label[0]][value].append(label)
        else:
            raise UserError(f"{at}: attribute {label[1]!r}: value {value!r}: expected 1, -1 or 0")
    no: list[Label] = []
    unknown: list[Label] = []
    for group, labels_of in other.items():
        if len(labels_of["-1"]) >= len(labels_of["0"]):
            no += [(group, ALL)] if labels_of["-1"] else []
            unknown += labels_of["0"]
        else:
            unknown.append((group, ALL))
            no += labels_of["-1"]
    return yes, no, unknown


def _prefix(folder: Path) -> str:
    """What precedes ``img/...`` in the references: the unpacked folder before the archive."""
    if (folder / "Img" / "img").is_dir():
        return "Img/"
    if (folder / "Img" / "img.zip").is_file():
        return f"Img/img.zip{MEMBER}"
    if (folder / "img").is_dir():
        return ""
    raise UserError(f"{folder}: neither Img/img/, Img/img.zip nor img/: expected the set's photos there")
