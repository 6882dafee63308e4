"""Test images as JPEG: from the photos that were packed where they are still there, else from the LMDB."""

from __future__ import annotations

import threading
from types import ModuleType

import cv2
import numpy as np

from multiweight.base import done
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.photos import image_source, images
from multiweight.records.records import Record

SIDES = (160, 480)
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]


class Pictures:
    """The packed test images of a dataset; safe to share by threads. ``schema`` has the Datum that the LMDB holds."""

    def __init__(self, dataset: Dataset, schema: ModuleType):
        self._dataset, self._schema = dataset, schema
        self._lock = threading.Lock()
        self._packed: image_source.LmdbImages | None = None
        self._packed_identity: tuple[int, int] = (0, 0)
        self._photos = _photo_folder(dataset)

    def close(self) -> None:
        if self._photos is not None:
            self._photos.close()
        if self._packed is not None:
            self._packed.close()

    def pixels(self, key: str) -> np.ndarray:
        """(3, size, size) uint8 BGR as packed; UserError where the LMDB or the key is gone."""
        with self._lock:
            return self._opened().pixels(key)

    def jpeg(self, key: str, record: Record, side: int) -> bytes:
        """The image with its longer side at most ``side`` pixels."""
        picture = self._photo(record)
        if picture is None:
            picture = np.ascontiguousarray(self.pixels(key).transpose(1, 2, 0))
        return encoded(picture, side)

    def _photo(self, record: Record) -> np.ndarray | None:
        if self._photos is None:
            return None
        try:
            return self._photos.read(record.image)
        except images.UnreadableImage:
            return None

    def _opened(self) -> image_source.LmdbImages:
        """The LMDB, opened again if it was packed again: the handle that is open would still show the old images."""
        path = self._dataset.images("test")
        try:
            stat = (path / "data.mdb").stat()
        except OSError:
            raise UserError(f"{path}: no LMDB there: pack the data first (make lmdb)") from None
        identity = (stat.st_ino, stat.st_mtime_ns)
        if self._packed is None or identity != self._packed_identity:
            if self._packed is not None:
                self._packed.close()
                self._packed = None
            self._packed = image_source.LmdbImages(self._schema, path)
            self._packed_identity = identity
        return self._packed


def encoded(picture: np.ndarray, side: int) -> bytes:
    """Pixels (height, width, 3) BGR as JPEG, made smaller where a side is above ``side``."""
    longest = max(picture.shape[:2])
    if longest > side:
        size = [max(1, round(edge * side / longest)) for edge in picture.shape[1::-1]]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".jpg", picture, _QUALITY)
    if not ok:
        raise UserError(f"an image of {picture.shape} cannot be drawn: pack the images again")
    return data.tobytes()


def _photo_folder(dataset: Dataset) -> images.ImageFolder | None:
    """The folder that the photos were imported from, or None where it is not known or not there any more."""
    mark = dataset.import_mark
    try:
        return images.ImageFolder(done.read(mark)["settings"]["folder"])
    except (UserError, KeyError, TypeError):
        return None
