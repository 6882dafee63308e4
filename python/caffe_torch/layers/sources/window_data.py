"""WindowData: R-CNN's windows of images, cropped, warped and sampled as foreground and background."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.files import text_file
from caffe_torch.input import images
from caffe_torch.input.transform import mean_values, read_mean
from caffe_torch.layers.base import register
from caffe_torch.layers.sources.prefetching import PrefetchingLayer, Reader

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class LabelledBox:
    """One window of an image: x1, y1, x2, y2 (inclusive), its class and its overlap with an object."""

    image: int
    label: int
    overlap: float
    box: Box


def read_windows(path: str) -> tuple[list[tuple[str, int]], list[LabelledBox]]:
    """(image, its channels) and all windows of a window file.

    An image is ``# index``, path, channels, height, width, number of windows, then a line a window: class, overlap,
    x1, y1, x2, y2. CaffeError names the file and what is wrong.
    """
    words = iter(text_file.read(path, "window file").split())
    images: list[tuple[str, int]] = []
    windows: list[LabelledBox] = []
    for word in words:
        where = f"{path}: image {len(images)}"
        if word != "#":
            raise CaffeError(f"{where}: expected '# {len(images)}', found {word!r}")
        if _number(words, where) != len(images):
            raise CaffeError(f"{where}: images must be numbered 0, 1, 2, ... in order")
        name = next(words, "")
        channels, _, _, count = (_number(words, where) for _ in range(4))
        images.append((name, channels))
        for _ in range(count):
            label, overlap = _number(words, where), _real(words, where)
            x1, y1, x2, y2 = (_number(words, where) for _ in range(4))
            windows.append(LabelledBox(len(images) - 1, label, overlap, (x1, y1, x2, y2)))
    if not images:
        raise CaffeError(f"{path}: the window file is empty")
    return images, windows


def _number(words: Iterator[str], where: str) -> int:
    value = _real(words, where)
    if value != math.floor(value) or abs(value) >= 2**31:
        raise CaffeError(f"{where}: expected a whole number, found {value:g}")
    return int(value)


def _real(words: Iterator[str], where: str) -> float:
    word = next(words, "the end of the file")
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CaffeError(f"{where}: expected a number, found {word!r}")
    return value


def _round(value: Any) -> int:
    """To the nearest whole number, halves away from zero, as C's ``round``."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), float(value)))


@dataclass(frozen=True)
class Placement:
    """What to cut out of the image (x1, y1, x2, y2), the size (width, height) to warp it to, and where it goes."""

    box: Box
    size: tuple[int, int]
    left: int
    top: int


def place(box: Box, crop: int, pad: int, square: bool, mirror: bool, shape: tuple[int, ...]) -> Placement:
    """Where a window goes in its crop: warped to fill it but for ``pad`` pixels of context, what lies outside empty.

    ``square`` widens the window to a square first. In float32, as in Caffe.
    """
    x1, y1, x2, y2 = box
    if not pad and not square:
        return Placement(box, (crop, crop), 0, 0)
    f = np.float32
    scale = f(crop) / f(crop - 2 * pad)
    half_height, half_width = f(y2 - y1 + 1) / f(2), f(x2 - x1 + 1) / f(2)
    x, y = f(x1) + half_width, f(y1) + half_height
    if square:
        half_height = half_width = max(half_height, half_width)
    x1, x2 = _round(x - half_width * scale), _round(x + half_width * scale)
    y1, y2 = _round(y - half_height * scale), _round(y + half_height * scale)
    wide, tall = x2 - x1 + 1, y2 - y1 + 1
    left, above = max(0, -x1), max(0, -y1)
    right, below = max(0, x2 - shape[1] + 1), max(0, y2 - shape[0] + 1)
    x1, y1, x2, y2 = x1 + left, y1 + above, x2 - right, y2 - below
    scale_x, scale_y = f(crop) / f(wide), f(crop) / f(tall)
    width, height = _round(f(x2 - x1 + 1) * scale_x), _round(f(y2 - y1 + 1) * scale_y)
    at_left = _round(f(right if mirror else left) * scale_x)
    at_top = _round(f(above) * scale_y)
    return Placement((x1, y1, x2, y2), (min(width, crop - at_left), min(height, crop - at_top)), at_left, at_top)


class _WindowFile:
    """Each batch draws its windows: background first, then a share ``fg_fraction`` of foreground."""

    def __init__(self, param: Any, seed: int):
        data, transform = param.window_data_param, param.transform_param
        self.param, self.seed, self.path = data, seed, data.source
        self.crop, self.mirror = transform.crop_size, transform.mirror
        pictures, windows = read_windows(data.source)
        self.files = [data.root_folder + name for name, _ in pictures]
        channels = pictures[-1][1]
        if channels != 3:
            raise CaffeError(
                f"{self.path}: its last image is said to have {channels} channels, but images are read in colour: "
                "expected 3"
            )
        self.shape: tuple[int, ...] = (channels, self.crop, self.crop)
        self.foreground = [w for w in windows if w.overlap >= data.fg_threshold]
        for window in self.foreground:
            if window.label < 1:
                raise CaffeError(f"{self.path}: a window of image {window.image} overlaps an object, but has class 0")
        self.background = [w for w in windows if w.overlap < data.fg_threshold and w.overlap < data.bg_threshold]
        if not self.foreground or not self.background:
            raise CaffeError(
                f"{self.path}: has {len(self.foreground)} foreground and {len(self.background)} background windows at "
                f"fg_threshold {data.fg_threshold:g} and bg_threshold {data.bg_threshold:g}: both are needed"
            )
        self.mean = _mean(transform, channels, self.crop)
        self.kept = [self._read(i) for i in range(len(self.files))] if data.cache_images else None

    def _read(self, image: int) -> np.ndarray:
        return images.read_image(self.files[image])

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng((self.seed, index))
        size = self.param.batch_size
        images, labels = np.zeros((size, *self.shape), np.float32), np.zeros(size, np.float32)
        foreground = int(np.float32(size) * np.float32(self.param.fg_fraction))
        for item in range(size):
            chosen = self.background if item < size - foreground else self.foreground
            window = chosen[int(generator.integers(len(chosen)))]
            mirror = bool(self.mirror and generator.integers(2))
            self._cut(window, mirror, images[item])
            labels[item] = window.label if chosen is self.foreground else 0
        return images, labels

    def _cut(self, window: LabelledBox, mirror: bool, out: np.ndarray) -> None:
        image = self.kept[window.image] if self.kept is not None else self._read(window.image)
        square = self.param.crop_mode == "square"
        if window.box[0] > window.box[2] or window.box[1] > window.box[3]:
            raise CaffeError(
                f"{self.path}: a window {window.box} of image {window.image} ({self.files[window.image]}) has no pixels"
            )
        placed = place(window.box, self.crop, self.param.context_pad, square, mirror, image.shape)
        x1, y1, x2, y2 = placed.box
        if not (0 <= x1 <= x2 < image.shape[1] and 0 <= y1 <= y2 < image.shape[0]):
            raise CaffeError(
                f"{self.path}: a window {window.box} of image {window.image} ({self.files[window.image]}) leaves it: "
                f"it is {image.shape[1]} wide and {image.shape[0]} high"
            )
        width, height = placed.size
        where = f"{self.path}: a window {window.box} of image {window.image}"
        part = images.resize(image[y1 : y2 + 1, x1 : x2 + 1], (height, width), where)
        if mirror:
            part = part[:, ::-1]
        rows = slice(placed.top, placed.top + part.shape[0])
        columns = slice(placed.left, placed.left + part.shape[1])
        pixels = part.transpose(2, 0, 1).astype(np.float32)
        if self.mean is not None:
            pixels = pixels - np.broadcast_to(self.mean, self.shape)[:, rows, columns]
        # As in Caffe the scale is window_data_param's own, not transform_param's.
        out[:, rows, columns] = pixels * np.float32(self.param.scale)


def _mean(transform: Any, channels: int, crop: int) -> np.ndarray | None:
    """What is subtracted from a crop: the middle of the mean image, or a value per channel."""
    if transform.HasField("mean_file") and transform.mean_value:
        raise CaffeError("transform_param: has both mean_file and mean_value; use one")
    if transform.HasField("mean_file"):
        mean = read_mean(transform.mean_file)
        # One offset for both axes, from the width, as in Caffe.
        offset = (len(mean[0, 0]) - crop) // 2
        middle = mean[:, offset : offset + crop, offset : offset + crop] if offset >= 0 else mean[:0]
        if middle.shape != (channels, crop, crop):
            raise CaffeError(f"{transform.mean_file}: its mean {mean.shape} does not hold a crop of {crop}")
        return middle
    if transform.mean_value:
        if len(transform.mean_value) not in (1, channels):
            raise CaffeError(mean_values(len(transform.mean_value), channels))
        return np.array(transform.mean_value, np.float32).reshape(-1, 1, 1)
    return None


@register("WindowData")
class WindowData(PrefetchingLayer):
    """Reads the window file ``window_data_param.source``; tops are crops of ``crop_size`` and their classes.

    ``crop_mode``: ``warp`` or ``square``. ``cache_images`` keeps all images in memory, decoded.
    """

    tops = (2, 2)

    def batch_size(self) -> int:
        return self.param.window_data_param.batch_size

    def open(self, seed: int) -> Reader:
        if self.param.transform_param.crop_size < 1:
            raise self.fail("transform_param.crop_size must be 1 or more")
        if 2 * self.param.window_data_param.context_pad >= self.param.transform_param.crop_size:
            raise self.fail("context_pad on both sides must leave room within crop_size")
        return _WindowFile(self.param, seed)
