"""A contact sheet of a packed dataset: a grid of its images, as a net sees them, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from multiweight.base import whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.pack.reader import LmdbPair
from multiweight.records.catalog import Catalog

#: In pixels: the font, a line of text, the space between cells, the least width of a cell.
FONT_PX, LINE_PX, MARGIN_PX, _LEAST_WIDTH = 13, 17, 6, 160
#: Of OpenCV 5's font: its weight; of OpenCV 4's: its scale.
_FONT_WEIGHT, _FONT_SCALE = 400, 0.36


def sheet(
    caffe: ModuleType,
    dataset: Dataset,
    part: str,
    keys: Sequence[str] = (),
    count: int = 24,
    columns: int = 6,
    seed: int = 1,
) -> tuple[np.ndarray, list[str]]:
    """The sheet as uint8 (height, width, 3) BGR, and the keys of the images on it.

    They are those of ``keys``, in that order, else ``count`` of the ``part`` (train or test) taken at random by
    ``seed``, smallest key first; all of them where there are fewer. Below each picture its key, then the labels it
    carries, ``group: label``; a group without one is left out, and shows as ``group: ?`` where all its labels are
    unknown (-1). UserError: an LMDB without images, a key that it lacks, a count or columns below 1.
    """
    for name, value in (("count", count), ("columns", columns)):
        if value < 1:
            raise UserError(f"{name} = {value}: expected 1 or more")
    catalog = Catalog.load(dataset.catalog)
    with LmdbPair(caffe, dataset.images(part), dataset.labels(part)) as pair:
        known = pair.keys()
        held = set(known)
        if not known:
            raise UserError(f"{dataset.images(part)}: holds no image: pack the data again")
        missing = next((key for key in keys if key not in held), None)
        if missing is not None:
            raise UserError(f"{dataset.images(part)}: no key {missing}: its keys are {known[0]} to {known[-1]}")
        if not keys:
            rng = np.random.RandomState(seed)
            keys = sorted(known[n] for n in rng.permutation(len(known))[:count])
        entries = {key: pair.get(key) for key in keys}
    cell_width = max(_LEAST_WIDTH, max(entries[key][0].shape[1] for key in keys))
    cells = [_cell(key, *entries[key], catalog, cell_width) for key in keys]
    height = max(cell.shape[0] for cell in cells)
    rows, blank = [], np.empty((0, 0, 3), np.uint8)
    for start in range(0, len(cells), columns):
        row = [_padded(cell, height, cell_width) for cell in cells[start : start + columns]]
        row += [_padded(blank, height, cell_width)] * (min(columns, len(cells)) - len(row))
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows), list(keys)


def write(path: Path, image: np.ndarray) -> None:
    """Write the sheet as PNG; UserError where that cannot be done."""
    try:
        whole, data = cv2.imencode(".png", image)
    except cv2.error:
        whole = False
    if not whole:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise UserError(f"{path}: OpenCV cannot write a PNG of {size} pixels: show fewer images, or other columns")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file.opened(path, "wb") as file:
            file.write(data.tobytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def _cell(key: str, image: np.ndarray, labels: np.ndarray, catalog: Catalog, cell_width: int) -> np.ndarray:
    """One image (3, height, width) BGR uint8 on white, the key and the labels (L,) below; long lines are cut."""
    lines = [key]
    for group in catalog.groups:
        values = labels[catalog.slices[group.name]]
        positive = [label for label, value in zip(group.labels, values) if value == 1]
        if positive or (values == -1).all():
            lines.append(f"{group.name}: {', '.join(positive) or '?'}")
    picture = np.ascontiguousarray(image.transpose(1, 2, 0))
    cell = np.full((picture.shape[0] + LINE_PX * len(lines) + MARGIN_PX, cell_width, 3), 255, np.uint8)
    cell[: picture.shape[0], : picture.shape[1]] = picture
    for number, line in enumerate(lines, 1):
        cell = _text(cell, line, picture.shape[0] + LINE_PX * number)
    return cell


def _text(image: np.ndarray, line: str, bottom: int) -> np.ndarray:
    if hasattr(cv2, "FontFace"):  # OpenCV 5's font has the characters of all languages, OpenCV 4's has ASCII
        drawn: Any = cv2.putText(image, line, (2, bottom), (0, 0, 0), cv2.FontFace("uni"), FONT_PX, _FONT_WEIGHT)
        return drawn if isinstance(drawn, np.ndarray) else image
    plain = line.encode("ascii", "replace").decode("ascii")
    return cv2.putText(image, plain, (2, bottom), cv2.FONT_HERSHEY_SIMPLEX, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)


def _padded(cell: np.ndarray, height: int, width: int) -> np.ndarray:
    """The cell in the corner of a white picture of that size and a margin."""
    canvas = np.full((height + MARGIN_PX, width + MARGIN_PX, 3), 255, np.uint8)
    canvas[: cell.shape[0], : cell.shape[1]] = cell
    return canvas
