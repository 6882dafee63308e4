"""iMaterialist-Fashion 2018 (FGVC5): ``train.json``, ``validation.json`` and the label map; photos fetched by the user.

The JSON lists images (``imageId``, ``url``) and annotations (``imageId``, ``labelId``: a list), numbers as strings in
the published files; ``image_id`` and ``label_id`` as the set's README spells them are read too. The label map is
``iMat_fashion_2018_label_map_228.csv``: labelId, taskId, labelName, taskName; its tasks are 1 to 6, 8 and 9.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from multiweight.base import csv_file, json_file
from multiweight.base.errors import UserError
from multiweight.datasets.loaded import Loaded
from multiweight.records import cells
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import Label, Record

NAME = "imaterialist"
LABEL_MAP = "iMat_fashion_2018_label_map_228.csv"
LAYOUT = f"train.json, {LABEL_MAP}, train/<imageId>.jpg; also validation.json (or val.json) and validation/"
HEADER = ["labelId", "taskId", "labelName", "taskName"]
TYPE_TASK = "category"
_DIGITS = 18  # of an id
# file -> the folder of its photos, the part it is
FILES = {
    "train.json": ("train", "train"),
    "validation.json": ("validation", "test"),
    "val.json": ("validation", "test"),
}
INPUTS = (LABEL_MAP, *FILES)


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    return (folder / LABEL_MAP).is_file() and (folder / "train.json").is_file()


def load(folder: Path, min_products: int = 2) -> Loaded:
    """Catalog and records: a group a task, in the order of the task ids, labels in the order of the label ids.

    A record says yes for the labels an annotation lists; tasks that it does not mention stay unknown. Each image is a
    product, ``train-<imageId>``. ``partition`` has train.json as train and the validation as test. Labels that the map
    lacks, and images without an annotation, are left out and listed; so is, by the import, each photo that was not
    fetched. ``min_products`` is not applied: the label map is the set's own.
    """
    names, groups = _label_map(folder / LABEL_MAP)
    catalog = Catalog.from_dict(
        {task: {"kind": "type" if task == TYPE_TASK else "attribute", "labels": labels} for task, labels in groups},
        str(folder / LABEL_MAP),
    )
    records: list[Record] = []
    bad: list[BadImage] = []
    partition: dict[str, str] = {}
    if all((folder / name).is_file() for name in ("validation.json", "val.json")):
        raise UserError(f"{folder}: validation.json and val.json: both are the validation part: keep one of them")
    for file, (place, part) in FILES.items():
        path = folder / file
        if not path.is_file():
            continue
        images, labels_of = _annotations(path)
        for image in images:
            reference, product = f"{place}/{image}.jpg", f"{place}-{image}"
            label_ids = labels_of.get(image)
            unknown = [label for label in label_ids or () if label not in names]
            if label_ids is None or unknown:
                reason = f"labelId {unknown[0]} is not in {LABEL_MAP}" if unknown else f"no annotation in {file}"
                bad.append(BadImage(reference, product, "import", reason))
                continue
            records.append(Record(reference, product, tuple(dict.fromkeys(names[label] for label in label_ids))))
            partition[reference] = part
    return Loaded(catalog, records, bad, [], partition)


def _label_map(path: Path) -> tuple[dict[str, Label], list[tuple[str, list[str]]]]:
    """labelId -> (task, label), and the tasks with their labels, both in the order of the ids."""
    rows = list(csv_file.rows(path))
    if not rows or [name.strip() for name in rows[0][1]] != HEADER:
        raise UserError(f"{path}:1: expected the columns {','.join(HEADER)}")
    entries: list[tuple[int, int, str, str]] = []
    lines: dict[int, int] = {}
    line_of: dict[tuple[str, str], int] = {}
    for line, row in rows[1:]:
        if len(row) != 4 or _number(row[0]) is None or _number(row[1]) is None:
            raise UserError(f"{path}:{line}: expected labelId, taskId (numbers), labelName, taskName")
        task, label = cells.tidy(row[3]), cells.tidy(row[2])
        for name in (task, label):
            if cells.name_problem(name):
                raise UserError(f"{path}:{line}: the name {name!r} {cells.name_problem(name)}")
        number = int(cells.without_float_suffix(row[0].strip()))
        if number in lines:
            raise UserError(f"{path}:{line}: labelId {number} stands twice (first on line {lines[number]})")
        lines[number] = line
        if (task, label) in line_of:
            raise UserError(f"{path}:{line}: {task}={label} stands twice (first on line {line_of[task, label]})")
        line_of[task, label] = line
        entries.append((int(cells.without_float_suffix(row[1].strip())), number, task, label))
    names: dict[str, Label] = {}
    groups: dict[str, list[str]] = {}
    for _, number, task, label in sorted(entries):
        names[str(number)] = (task, label)
        groups.setdefault(task, []).append(label)
    return names, list(groups.items())


def _annotations(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The image ids in their order, and image id -> label ids."""
    try:
        content = json_file.read(path, "the annotations")
    except UserError as error:
        raise UserError(f"{error}: download it again") from None
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f"{path}: expected an object with the lists images and annotations")
    images = list(dict.fromkeys(_id(entry, path, "images", number) for number, entry in enumerate(content["images"])))
    labels: dict[str, list[str]] = {}
    annotations = content.get("annotations")
    if not isinstance(annotations, (list, type(None))):
        raise UserError(f"{path}: annotations: {_short(annotations)}: expected a list")
    for number, entry in enumerate(annotations or ()):
        image = _id(entry, path, "annotations", number)
        listed = entry.get("labelId", entry.get("label_id"))
        if not isinstance(listed, list):
            raise UserError(f"{path}: annotations[{number}]: labelId {_short(listed)}: expected a list of label ids")
        for label in listed:
            known = _number(label)
            if known is None:
                raise UserError(f"{path}: annotations[{number}]: labelId {_short(label)}: expected a number")
            labels.setdefault(image, []).append(str(int(known)))
        labels.setdefault(image, [])
    return images, labels


def _id(entry: Any, path: Path, where: str, number: int) -> str:
    value = entry.get("imageId", entry.get("image_id")) if isinstance(entry, dict) else None
    known = _number(value)
    if known is None:
        raise UserError(f"{path}: {where}[{number}]: imageId {_short(value)}: expected a number")
    return known


def _number(value: Any) -> str | None:
    """An id as its digits, whether it came as a number, a text, or a float of a whole number; else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = cells.without_float_suffix(str(value).strip())
    return text if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
