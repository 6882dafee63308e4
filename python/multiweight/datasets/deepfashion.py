"""DeepFashion, Category and Attribute Prediction (MMLab, CUHK): ``Anno``, ``Eval`` and ``Img`` as published.

Each list has a first line with its number of rows, a second with its columns' names, then one row an item, columns
apart by spaces; attribute and category names hold spaces themselves. The format is that of the README in the archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from multiweight.base.errors import UserError
from multiweight.datasets.loaded import Loaded
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import ALL, MEMBER, Label, Record

NAME = "deepfashion"
LAYOUT = "Anno/list_attr_cloth.txt and its three sisters, Eval/list_eval_partition.txt, Img/img/ or Img/img.zip"
INPUTS = (
    "Anno/list_category_cloth.txt",
    "Anno/list_category_img.txt",
    "Anno/list_attr_cloth.txt",
    "Anno/list_attr_img.txt",
    "Eval/list_eval_partition.txt",
)
ATTRIBUTES = {"1": "texture", "2": "fabric", "3": "shape", "4": "part", "5": "style"}
CATEGORIES = {"1": "upper body", "2": "lower body", "3": "full body"}
PARTS = {"train": "train", "val": "train", "test": "test"}


class Names(NamedTuple):
    """(group, name) of each label in the order of the list."""

    labels: list[Label]
    groups: dict[str, list[str]]


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    return (folder / "Anno" / "list_attr_img.txt").is_file()


def load(folder: Path, min_products: int = 2) -> Loaded:
    """Catalog and records: three groups of categories (kind ``type``) and five of attributes, as the types number them.

    Attributes have three values: 1 yes, -1 no, 0 unknown; a category is one of all, so that the others are no. The
    product is the folder of an image, one shop page each. ``partition`` is the set's own, val counted as train.
    ``min_products`` is not applied: the lists are the set's own. A wrong number of rows or fields is a UserError with
    its line; an image that one list lacks is left out and listed.
    """
    annotations = folder / "Anno"
    categories = _names(annotations / "list_category_cloth.txt", CATEGORIES)
    attributes = _names(annotations / "list_attr_cloth.txt", ATTRIBUTES)
    catalog = Catalog.from_dict(
        {
            **{name: {"kind": "type", "labels": labels} for name, labels in categories.groups.items() if labels},
            **{name: labels for name, labels in attributes.groups.items() if labels},
        }
    )
    category_of = _categories(annotations / "list_category_img.txt", categories)
    partition = _partition(folder / "Eval" / "list_eval_partition.txt")
    prefix = _prefix(folder)
    other = {name for name in categories.groups if name in catalog.names}
    records: list[Record] = []
    bad: list[BadImage] = []
    parts: dict[str, str] = {}
    path = annotations / "list_attr_img.txt"
    for line, fields in _rows(path, len(attributes.labels)):
        image = fields[0]
        product = image.rpartition("/")[0] or image
        if image not in category_of or image not in partition:
            lacking = "list_category_img.txt" if category_of.pop(image, None) is None else "list_eval_partition.txt"
            bad.append(BadImage(prefix + image, product, "import", f"not in {lacking}"))
            continue
        category = category_of.pop(image)
        yes, no, unknown = _values(fields[1], attributes, f"{path}:{line}")
        no += [(name, ALL) for name in sorted(other - {category[0]})]
        records.append(Record(prefix + image, product, (category, *yes), tuple(no), tuple(unknown)))
        parts[prefix + image] = partition[image]
    bad += [
        BadImage(prefix + image, image.rpartition("/")[0], "import", "not in list_attr_img.txt")
        for image in category_of
    ]
    return Loaded(catalog, records, bad, [], parts)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the rows below the two of the head; UserError where there are not as many as the first says."""
    promised, found, number = "", 0, 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    text = raw.decode("utf-8-sig").strip()
                except UnicodeDecodeError as error:
                    raise UserError(f"{path}:{number}: not UTF-8 ({error.reason}): unpack the archive again") from None
                if number == 1:
                    promised = text
                    if not promised.isdigit():
                        raise UserError(f"{path}:1: {promised!r}: expected the number of rows")
                elif number > 2 and text:
                    found += 1
                    yield number, text
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): unpack the archive's {path.parent.name}/"
        ) from None
    if not promised or found != int(promised):
        raise UserError(f"{path}: {found} rows, its first line says {promised or 'nothing'}: unpack the archive again")


def _names(path: Path, types: dict[str, str]) -> Names:
    names = Names([], {group: [] for group in types.values()})
    for line, text in _lines(path):
        name, _, kind = text.rpartition(" ")
        name = " ".join(name.split())
        if kind not in types or not name:
            raise UserError(f"{path}:{line}: {text!r}: expected a name and a type, one of {', '.join(types)}")
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


def _categories(path: Path, names: Names) -> dict[str, Label]:
    found: dict[str, Label] = {}
    for line, (image, (number,)) in _rows(path, 1):
        if not number.isdigit() or not 1 <= int(number) <= len(names.labels):
            raise UserError(f"{path}:{line}: category {number!r}: expected 1 to {len(names.labels)}")
        found[image] = names.labels[int(number) - 1]
    return found


def _partition(path: Path) -> dict[str, str]:
    found = {}
    for line, (image, (part,)) in _rows(path, 1):
        if part not in PARTS:
            raise UserError(f"{path}:{line}: {part!r}: expected train, val or test")
        found[image] = PARTS[part]
    return found


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
    for group, found in other.items():
        if len(found["-1"]) >= len(found["0"]):
            no += [(group, ALL)] if found["-1"] else []
            unknown += found["0"]
        else:
            unknown.append((group, ALL))
            no += found["-1"]
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
