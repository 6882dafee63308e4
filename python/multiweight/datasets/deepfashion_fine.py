"""DeepFashion's finer annotations: ``Anno_fine``, 26 attributes of 20,000 photos, each group's value known.

For each of train, val and test: ``train.txt`` (an image per line), ``train_cate.txt`` (its category's number) and
``train_attr.txt`` (0 or 1 an attribute), in ``Anno_fine`` or in a folder of that name in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from multiweight.base import text_file
from multiweight.base.errors import UserError
from multiweight.datasets.loaded import Loaded
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.cells import name_problem, tidy
from multiweight.records.records import ALL, Record

FOLDER = "Anno_fine"
PARTS = {"train": "train", "val": "train", "test": "test"}
INPUTS = (
    f"{FOLDER}/list_category_cloth.txt",
    f"{FOLDER}/list_attr_cloth.txt",
    *(f"{FOLDER}/{part}{kind}.txt" for part in PARTS for kind in ("", "_cate", "_attr")),
)
ATTRIBUTES = {"1": "pattern", "2": "sleeve", "3": "length", "4": "neckline", "5": "material", "6": "fit"}
CATEGORIES = {"1": "upper body", "2": "lower body", "3": "full body"}


def detect(folder: Path) -> bool:
    """Whether the folder has the finer annotations."""
    return (folder / FOLDER / "list_attr_cloth.txt").is_file() and _of(folder / FOLDER, "train.txt").is_file()


def load(folder: Path, prefix: str) -> Loaded:
    """Catalog and records, as ``deepfashion.load`` gives them; ``prefix`` precedes the images' names."""
    annotations = folder / FOLDER
    categories = list(_named(annotations / "list_category_cloth.txt", CATEGORIES))
    attributes = list(_named(annotations / "list_attr_cloth.txt", ATTRIBUTES))
    types = {group for group, _ in categories}
    labels_of: dict[str, list[str]] = {}
    for group, label in (*categories, *attributes):
        labels_of.setdefault(group, []).append(label)
    catalog = Catalog.from_dict(
        {
            group: {"kind": "type" if group in types else "attribute", "labels": labels}
            for group, labels in labels_of.items()
        }
    )
    records: list[Record] = []
    bad: list[BadImage] = []
    parts: dict[str, str] = {}
    for name, part in PARTS.items():
        paths = [_of(annotations, f"{name}{kind}.txt") for kind in ("", "_cate", "_attr")]
        if not paths[0].is_file() and name == "val":
            continue
        images, numbers, values = map(_lines, paths)
        if not len(images) == len(numbers) == len(values):
            counted = ", ".join(f"{path.name} {len(lines)}" for path, lines in zip(paths, (images, numbers, values)))
            raise UserError(f"{annotations}: lists of different lengths ({counted}): unpack the archive again")
        for line, (image, number, row) in enumerate(zip(images, numbers, values), 1):
            product = image.rpartition("/")[0] or image
            if prefix + image in parts:
                bad.append(BadImage(f"{paths[0].name}:{line}", product, "import", f"a second row for {image}"))
                continue
            known = number.isascii() and number.isdigit() and len(number) < 10 and 1 <= int(number) <= len(categories)
            if not known:
                raise UserError(f"{paths[1]}:{line}: category {number!r}: expected 1 to {len(categories)}")
            row_values = row.split()
            if len(row_values) != len(attributes) or set(row_values) - {"0", "1"}:
                raise UserError(f"{paths[2]}:{line}: {row[:40]!r}: expected {len(attributes)} values, each 0 or 1")
            category = categories[int(number) - 1]
            yes = [label for value, label in zip(row_values, attributes) if value == "1"]
            no = [(group, ALL) for group in sorted((types | {group for group, _ in yes}) - {category[0]})]
            records.append(Record(prefix + image, product, (category, *yes), tuple(no)))
            parts[prefix + image] = part
    return Loaded(catalog, records, bad, [], parts)


def _of(folder: Path, name: str) -> Path:
    """The list ``name``, in the folder or in the one of its part."""
    inner = folder / name.split(".")[0].split("_")[0] / name
    return inner if inner.is_file() else folder / name


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in text_file.read_text(path, "the list").splitlines() if line.strip()]


def _named(path: Path, types: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(group, name) of a list's rows, below its number of rows and its columns' names."""
    lines = _lines(path)
    count, rows = (lines[0] if lines else ""), lines[2:]
    if count != str(len(rows)):
        raise UserError(f"{path}: {len(rows)} rows, its first line says {count or 'nothing'}: unpack the archive again")
    seen: set[tuple[str, str]] = set()
    for line, text in enumerate(rows, 3):
        name, _, kind = text.rpartition(" ")
        if kind not in types or not name.strip():
            raise UserError(f"{path}:{line}: {text!r}: expected a name and a type, one of {', '.join(types)}")
        label = types[kind], tidy(" ".join(name.split()))
        problem = name_problem(label[1]) or (f"stands twice with type {kind}: keep one" if label in seen else "")
        if problem:
            raise UserError(f"{path}:{line}: {label[1]!r} {problem}")
        seen.add(label)
        yield label
