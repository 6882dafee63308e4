"""One image by its reference, below one folder, in files or in zip archives."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np

from multiweight.base.errors import UserError
from multiweight.photos.alike_names import AbsentFiles
from multiweight.photos.archives import Archives
from multiweight.photos.decoding import MAX_PIXELS, UnreadableImage, decode
from multiweight.records.records import MEMBER, image_problem

MAX_BYTES = 1 << 28


def photo(path: str | Path) -> np.ndarray:
    """One image file, wherever it lies, as :func:`decode` gives it; UserError names the file and the reason."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            what = "a folder" if os.path.isdir(path) else "not an ordinary file"
            raise UserError(f"{path}: {what}: expected a photo")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: the image cannot be read ({reason})") from None
    try:
        if len(data) > MAX_BYTES:
            raise UnreadableImage(f"more than {MAX_BYTES} bytes")
        return decode(data)
    except UnreadableImage as error:
        raise UserError(f"{path}: {error}: expected a photo (JPEG, PNG, WebP, ...)") from None


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
        self._absent = AbsentFiles(self._real)
        self._archives = Archives(MAX_BYTES, self._absent)

    def close(self) -> None:
        """Close the archives."""
        self._archives.close()

    def __enter__(self) -> ImageFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def missing(self, reference: str) -> str:
        """Why the image cannot be opened, without reading it; an empty string where it is there."""
        try:
            self.size(reference)
        except UnreadableImage as error:
            return str(error)
        return ""

    def size(self, reference: str) -> int:
        """The bytes of the encoded image, without reading it; raises UnreadableImage with the reason."""
        name, member = self._resolve(reference)
        if member is not None:
            return self._archives.size_and_crc(name, member)[0]
        try:
            if not os.path.isfile(name):
                raise UnreadableImage(self._absent.reason(name))
            return os.stat(name).st_size
        except (OSError, ValueError) as error:
            raise UnreadableImage(f"cannot be read ({error})") from None

    def state(self, reference: str) -> str:
        """What changes when the image does, without reading it; raises UnreadableImage with the reason.

        Of a file its size, times and inode, which differ in a copy too; of an archive's member its :meth:`contents`.
        """
        name, member = self._resolve(reference)
        if member is not None:
            return self.contents(reference)
        size = self.size(reference)
        try:
            status = os.stat(name)
        except OSError as error:
            raise UnreadableImage(f"cannot be read ({error})") from None
        return f"{size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"

    def contents(self, reference: str) -> str:
        """Size and CRC-32 of the encoded image; raises UnreadableImage with the reason.

        A file is read for it; an archive's list has both.
        """
        name, member = self._resolve(reference)
        if member is not None:
            return "{} {:08x}".format(*self._archives.size_and_crc(name, member))
        data = self.bytes(reference)
        return f"{len(data)} {zlib.crc32(data):08x}"

    def bytes(self, reference: str) -> bytes:
        """The encoded image; raises UnreadableImage with the reason."""
        name, member = self._resolve(reference)
        if member is not None:
            return self._archives.read(name, member)
        try:
            with open(name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise UnreadableImage(self._absent.reason(name)) from None
        except (OSError, ValueError) as error:
            raise UnreadableImage(f"cannot be read ({error})") from None
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
        try:
            path = os.path.realpath(os.path.join(self._real, name))
        except (OSError, ValueError) as error:
            raise UnreadableImage(f"cannot be read ({error})") from None
        if not path.startswith(self._real.rstrip(os.sep) + os.sep):
            raise UnreadableImage("a link that leads out of the data directory")
        return path, member or None
