"""An encoded image -> its pixels, upright, on white, in 8 bits; and the square of a size."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import cv2
import numpy as np

from multiweight.photos.image_header import Header, header
from multiweight.photos.jpeg_scans import FILLER

MAX_PIXELS = 100_000_000
LARGE = 1 << 26  # bytes of a decoded picture from which it is decoded alone
RESIZE = ("warp", "pad", "crop")

_LARGE = threading.Lock()

# The reason goes into the list of bad images; OpenCV's own lines would stand among a tool's.
if hasattr(cv2, "setLogLevel"):
    cv2.setLogLevel(0)
elif hasattr(cv2.utils, "logging"):  # OpenCV 5
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class UnreadableImage(Exception):
    """An image that cannot be used; the message is the reason, for the list of bad images."""


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Pixels of an encoded image: uint8 (height, width, 3), BGR.

    The orientation is applied; grey becomes three equal channels; 16 bits become 8; transparent pixels are laid on
    white, the ground of most shop photos (Caffe's convert_imageset drops the alpha channel instead); of an animated
    file the first picture is taken. Raises UnreadableImage with the reason, for truncated files of every format too
    (OpenCV would fill a JPEG with grey), and, before decoding, for more than ``max_pixels`` pixels, or more than three
    bytes for each of so many: 16-bit and transparent pictures take more than others.
    """
    if not data:
        raise UnreadableImage("empty file")
    info = header(data)
    if info.width * info.height > max_pixels:
        raise UnreadableImage(f"{info.width}x{info.height} pixels, allowed {max_pixels}")
    if info.bytes > 3 * max_pixels:
        size = f"{info.width}x{info.height} pixels, {info.bytes} bytes decoded"
        raise UnreadableImage(f"{size}: allowed {3 * max_pixels} bytes")
    if info.problem:
        raise UnreadableImage(info.problem)
    if not info.format:
        raise UnreadableImage("not an image in a known format")
    # Pictures that take much memory are decoded one at a time, whatever the number of threads.
    with _LARGE if info.bytes > LARGE else nullcontext():
        return _decoded(data, info, max_pixels)


def _decoded(data: bytes, info: Header, max_pixels: int) -> np.ndarray:
    # AVIF's orientation is in its boxes; OpenCV would take that of its EXIF data, which the format says to leave.
    colour = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if info.format == "AVIF" else cv2.IMREAD_COLOR
    image = _pixels(data, cv2.IMREAD_UNCHANGED if info.alpha else colour)
    if image is None:
        raise UnreadableImage(f"a broken {info.format} image")
    if image.shape[0] * image.shape[1] > max_pixels:
        raise UnreadableImage(f"{image.shape[1]}x{image.shape[0]} pixels, allowed {max_pixels}")
    if info.scans is not None and (info.scans.unsure or _greyed(image)):
        longer = data[: info.scans.end] + FILLER + data[info.scans.end :]
        other = _pixels(longer, colour)
        if other is None or not np.array_equal(image, other):
            raise UnreadableImage("truncated JPEG: its data end before its picture does")
    if info.alpha:
        image = _on_white(image, info)
    return _turned(image, info.orientation) if info.alpha or info.format == "AVIF" else image


def _pixels(data: bytes, flags: int) -> np.ndarray | None:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise UnreadableImage(f"cannot be decoded ({str(error).splitlines()[0][:120]})") from None
    return image if image is not None and image.size else None


def _greyed(image: np.ndarray) -> bool:
    """Whether a corner has the grey that libjpeg fills a cut picture with; the last one, wherever EXIF turned it."""
    corners = (image[:4, :4], image[:4, -4:], image[-4:, :4], image[-4:, -4:])
    return any(bool((corner == 128).all()) for corner in corners)


def _on_white(image: np.ndarray, info: Header) -> np.ndarray:
    clear = None
    if image.ndim == 2:
        clear = image == info.clear if info.clear is not None else None
        image = image[:, :, None]
    if image.dtype != np.uint8:
        image = (image >> (min(info.bits, 16) - 8 if info.format in ("AVIF", "JPEG 2000") else 8)).astype(np.uint8)
    height, width, channels = image.shape
    if channels < 3:
        image = np.repeat(image[:, :, :1], 3, axis=2)
        if clear is not None:
            image[clear] = 255
        return image
    if channels != 4:
        return np.ascontiguousarray(image[:, :, :3])
    mixed = np.empty((height, width, 3), np.uint8)
    for start in range(0, height, 256):  # a strip at a time: the sums are twice as wide as the pixels
        strip = image[start : start + 256]
        alpha = strip[:, :, 3:].astype(np.uint16)
        ground = 255 * (255 - alpha)
        colours = strip[:, :, :3].astype(np.uint16) * (np.uint16(255) if info.premultiplied else alpha)
        # Damaged premultiplied colours may be above their alpha.
        mixed[start : start + 256] = np.minimum((colours.astype(np.uint32) + ground + 127) // 255, 255)
    return mixed


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
