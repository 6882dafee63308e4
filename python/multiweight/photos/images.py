"""One image by its reference: bytes, header, pixels, size."""

from __future__ import annotations

import os
import threading
import zipfile
from pathlib import Path

import cv2
import numpy as np

from multiweight.base.errors import UserError
from multiweight.photos.image_header import header
from multiweight.records.records import MEMBER, image_problem

MAX_PIXELS = 100_000_000
MAX_BYTES = 1 << 28
RESIZE = ("warp", "pad", "crop")


class UnreadableImage(Exception):
    """An image that cannot be used; the message is the reason, for the list of bad images."""


class ImageFolder:
    """Images below one directory, in files or in zip archives, each archive opened once; safe to share by threads.

    ``max_pixels`` is the largest width times height that is decoded.
    """

    def __init__(self, root: str | Path, max_pixels: int = MAX_PIXELS):
        self.root = Path(root)
        if not self.root.is_dir():
            raise UserError(f"{self.root}: no such directory: expected the folder that image paths are relative to")
        self.max_pixels = max_pixels
        self._real = os.path.realpath(self.root)
        self._lock = threading.Lock()
        self._archives: dict[str, zipfile.ZipFile | UnreadableImage] = {}

    def close(self) -> None:
        """Close the archives."""
        for archive in self._archives.values():
            if isinstance(archive, zipfile.ZipFile):
                archive.close()
        self._archives.clear()

    def __enter__(self) -> ImageFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def missing(self, reference: str) -> str:
        """Why the image cannot be opened, without reading it; an empty string where it is there."""
        try:
            name, member = self._resolve(reference)
            if member is not None:
                self._member(self._archive(name), name, member)
            elif not os.path.isfile(name):
                return "no such file"
        except UnreadableImage as error:
            return str(error)
        return ""

    def bytes(self, reference: str) -> bytes:
        """The encoded image; raises UnreadableImage with the reason."""
        name, member = self._resolve(reference)
        try:
            if member is not None:
                archive = self._archive(name)
                return archive.read(self._member(archive, name, member))
            with open(name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
            raise UnreadableImage(reason) from None
        if len(data) > MAX_BYTES:
            raise UnreadableImage(f"more than {MAX_BYTES} bytes")
        return data

    def read(self, reference: str) -> np.ndarray:
        """The image as :func:`decode` gives it; raises UnreadableImage with the reason."""
        return decode(self.bytes(reference), self.max_pixels)

    def _resolve(self, reference: str) -> tuple[str, str | None]:
        problem = image_problem(reference)
        if problem:
            raise UnreadableImage(problem)
        name, _, member = reference.partition(MEMBER)
        path = os.path.realpath(os.path.join(self._real, name))
        if not path.startswith(self._real.rstrip(os.sep) + os.sep):
            raise UnreadableImage("a link that leads out of the data directory")
        return path, member or None

    def _archive(self, path: str) -> zipfile.ZipFile:
        with self._lock:
            if path not in self._archives:
                try:
                    self._archives[path] = zipfile.ZipFile(path)
                except FileNotFoundError:
                    self._archives[path] = UnreadableImage("no such archive")
                except (OSError, zipfile.BadZipFile) as error:
                    self._archives[path] = UnreadableImage(f"the archive cannot be read ({error})")
            archive = self._archives[path]
        if isinstance(archive, UnreadableImage):
            raise archive
        return archive

    @staticmethod
    def _member(archive: zipfile.ZipFile, path: str, member: str) -> zipfile.ZipInfo:
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise UnreadableImage(f"not in {os.path.basename(path)}") from None
        if info.file_size > MAX_BYTES:
            raise UnreadableImage(f"more than {MAX_BYTES} bytes")
        return info


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Pixels of an encoded image: uint8 (height, width, 3), BGR.

    The EXIF orientation is applied; grey becomes three equal channels; 16 bits become 8; transparent pixels are laid
    on white, the ground of most shop photos (Caffe's convert_imageset drops the alpha channel instead); of an animated
    file the first picture is taken. Raises UnreadableImage with the reason, for truncated JPEG and PNG too, which
    OpenCV would fill with grey, and for more than ``max_pixels`` pixels: before decoding where the header tells.
    """
    if not data:
        raise UnreadableImage("empty file")
    info = header(data)
    if info.width * info.height > max_pixels:
        raise UnreadableImage(f"{info.width}x{info.height} pixels, allowed {max_pixels}")
    if info.problem:
        raise UnreadableImage(info.problem)
    flags = cv2.IMREAD_UNCHANGED if info.alpha else cv2.IMREAD_COLOR
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise UnreadableImage(f"cannot be decoded ({str(error).splitlines()[0][:120]})") from None
    if image is None or not image.size:
        what = f"a broken {info.format} image" if info.format else "not an image in a known format"
        raise UnreadableImage(what)
    if image.shape[0] * image.shape[1] > max_pixels:
        raise UnreadableImage(f"{image.shape[1]}x{image.shape[0]} pixels, allowed {max_pixels}")
    return _turned(_on_white(image), info.orientation) if info.alpha else image


def _on_white(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] != 4:
        return np.ascontiguousarray(image[:, :, :3])
    alpha = image[:, :, 3:].astype(np.uint16)
    mixed = image[:, :, :3].astype(np.uint16) * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """As EXIF's ``orientation`` says; OpenCV does so itself, but not where it keeps the alpha channel."""
    if orientation >= 5:
        image = cv2.transpose(image)
    # What is left once 5 to 8 are transposed: nothing, or a flip of the sides, of both, of top and bottom.
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if flip is None else cv2.flip(image, flip)


def resize(image: np.ndarray, size: int, policy: str = "warp") -> np.ndarray:
    """To uint8 (size, size, 3), bilinear.

    ``policy`` ``warp``, whatever the proportions, as the paper, and convert_imageset, do; ``pad``: the whole picture,
    in the middle of a white ground; ``crop``: the middle square of it.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    if policy == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[top : top + side, left : left + side]
    if policy != "pad":
        return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    scale = size / max(height, width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - inner[0]) // 2, (size - inner[1]) // 2
    ground = np.full((size, size, 3), 255, np.uint8)
    ground[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    return ground
