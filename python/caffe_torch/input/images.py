"""Images read by OpenCV, as Caffe does; whatever it raises at damaged or huge ones is an error that names the image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.files import native
from caffe_torch.runtime import free_memory
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import cv2
else:
    cv2 = Lazy("cv2")


def decode(data: np.ndarray, flags: int, where: str) -> np.ndarray:
    """An image file's bytes (uint8, one axis) as OpenCV's array, by its IMREAD flags; ``where`` begins messages."""
    with _told(where, "its image cannot be decoded"):
        image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise CaffeError(f"{where}: its image cannot be decoded" + ("" if data.size else ": it has no bytes"))
    return image


def read_image(path: str, color: bool = True, size: tuple[int, int] | None = None) -> np.ndarray:
    """An image file as Caffe reads it, (height, width, channels) BGR or gray, uint8; resized to (height, width)."""
    file = native.path(path)
    if not os.path.exists(file):
        raise CaffeError(f"{path}: no such image file")
    flags = cv2.IMREAD_COLOR if color else cv2.IMREAD_GRAYSCALE
    with _told(path, "is no image that OpenCV can decode"):
        if file.isascii():
            image = cv2.imread(file, flags)
        else:  # OpenCV takes no name that is no UTF-8, and ends the process
            data = np.fromfile(file, np.uint8)
            image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise CaffeError(f"{path}: is no image that OpenCV can decode")
    if size is not None:
        image = resize(image, size, path)
    return image[:, :, None] if image.ndim == 2 else image


def resize(image: np.ndarray, size: tuple[int, int], where: str) -> np.ndarray:
    """The image at (height, width), interpolated linearly; CaffeError where there is no such image."""
    height, width = size
    if min(size) < 1 or min(image.shape[:2]) < 1:
        raise CaffeError(f"{where}: {image.shape[0]} x {image.shape[1]} pixels cannot become {height} x {width}")
    free_memory.require(
        height * width * image[:1, :1].size * image.itemsize, f"{where}: at {height} x {width} pixels it"
    )
    with _told(where, f"cannot become {height} x {width} pixels large"):
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


@contextmanager
def _told(where: str, what: str) -> Iterator[None]:
    try:
        yield
    except (cv2.error, OSError, MemoryError) as error:
        raise CaffeError(f"{where}: {what} ({str(error).strip().splitlines()[0]})") from None
