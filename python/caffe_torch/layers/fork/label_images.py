"""Images whose labels are images: ImageSegData (DeepLab, PSPNet), DenseImageData (SegNet), ImageLabelmapData (HED)."""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.input.transform import TRAIN, Transformer, mean_values
from caffe_torch.layers.base import register
from caffe_torch.layers.sources.image_data import read_image
from caffe_torch.layers.sources.prefetching import PrefetchingLayer, Reader, first_record, order
from caffe_torch.runtime import ranks


def read_pairs(path: str) -> list[tuple[str, str]]:
    """(image, label image) of each line of a list; the second is empty where a line names one file."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.split() for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise CaffeError(f"{path}: the list of images cannot be read ({error})") from None
    if not lines:
        raise CaffeError(f"{path}: the list of images is empty")
    return [(words[0], words[1] if len(words) > 1 else "") for words in lines]


class _Pairs:
    """Batch i holds the pairs from i * batch_size on, each pass in a new order where they are shuffled."""

    def __init__(self, layer: LabelImages, seed: int):
        self.layer, self.seed = layer, seed
        data = layer.data
        self.lines, self.size = read_pairs(data.source), data.batch_size
        self.transform = Transformer(layer.param.transform_param, layer.phase, np.random.default_rng(seed))
        self.rank = ranks.rank() if layer.phase == TRAIN else 0
        self.stride = ranks.world_size() if layer.phase == TRAIN else 1
        self.start = first_record(seed, data.rand_skip)
        self._order: tuple[int, np.ndarray] | None = None
        self.shape = self._item(self.start, np.random.default_rng(seed))[0].shape

    def _read(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Image (channels, height, width) and label image (1, height, width), uint8."""
        data = self.layer.data
        turn, index = divmod(position, len(self.lines))
        if data.shuffle:
            if self._order is None or self._order[0] != turn:
                self._order = (turn, order(self.seed, turn, len(self.lines)))
            index = int(self._order[1][index])
        name, label = self.lines[index]
        size = (data.new_height, data.new_width) if data.new_height else None
        image = read_image(data.root_folder + name, data.is_color, size).transpose(2, 0, 1)
        constant = self.layer.constant(name, label)
        if constant is not None:
            return image, np.full((1, *image.shape[1:]), constant, np.uint8)
        labels = read_image(data.root_folder + label, False)[:, :, 0]
        if size is not None:
            labels = np.asarray(cv2.resize(labels, (size[1], size[0]), interpolation=self.layer.interpolation))
        if labels.shape != image.shape[1:]:
            raise CaffeError(
                f"{os.path.join(data.root_folder, label)}: has shape {labels.shape}, its image {image.shape[1:]}"
            )
        return image, labels[None]

    def _item(self, position: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, labels = self._read(position)
        if self.layer.mirrored and rng.integers(2) == 1:
            image, labels = image[:, :, ::-1], labels[:, :, ::-1]
        if self.layer.factors:
            image, labels = _scaled(image, labels, self.layer.factors[int(rng.integers(len(self.layer.factors)))])
        high, wide = self.layer.window
        if high and wide:
            image, labels = self._cut(image, labels, high, wide, rng)
        out = np.empty(self.transform.shape(image.shape), np.float32)
        top, left, flip = self.transform(image, out, rng)
        own = labels[:, top : top + out.shape[1], left : left + out.shape[2]].astype(np.float32)
        return out, own[:, :, ::-1] if flip else own

    def _cut(
        self, image: np.ndarray, labels: np.ndarray, high: int, wide: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same window of both: drawn in TRAIN, the middle in TEST; smaller images are padded below and right."""
        low, narrow = max(high - image.shape[1], 0), max(wide - image.shape[2], 0)
        if low or narrow:
            edges = ((0, 0), (0, low), (0, narrow))
            image = self._padded(image, edges)
            labels = np.pad(labels, edges, constant_values=self.layer.ignored)
        rows, columns = image.shape[1] - high, image.shape[2] - wide
        if self.layer.phase == TRAIN:
            top, left = int(rng.integers(rows + 1)), int(rng.integers(columns + 1))
        else:
            top, left = rows // 2, columns // 2
        window = np.s_[:, top : top + high, left : left + wide]
        return image[window], labels[window]

    def _padded(self, image: np.ndarray, edges: tuple[tuple[int, int], ...]) -> np.ndarray:
        """With the means around it, so that nothing is left there once they are subtracted."""
        means = list(self.layer.param.transform_param.mean_value) or [0.0]
        if len(means) not in (1, len(image)):
            raise CaffeError(mean_values(len(means), len(image)))
        planes = zip(image.astype(np.float32), means * len(image) if len(means) == 1 else means)
        return np.stack([np.pad(plane, edges[1:], constant_values=mean) for plane, mean in planes])

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        items = []
        for i in range(self.size):
            position = self.start + self.rank + (index * self.size + i) * self.stride
            items.append(self._item(position, np.random.default_rng((self.seed, index, i))))
        shapes = {image.shape for image, _ in items}
        if len(shapes) > 1:
            raise CaffeError(
                f"images of a batch have shapes {sorted(shapes)}: give a crop, a new size, or batch_size 1"
            )
        return np.stack([image for image, _ in items]), np.stack([labels for _, labels in items])


def _scaled(image: np.ndarray, labels: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Both ``factor`` times as large, the image bilinear, its labels by the nearest."""
    size = int(image.shape[2] * factor), int(image.shape[1] * factor)
    if min(size) < 1:
        raise CaffeError(f"transform_param.scale_factors: {factor:g} leaves nothing of an image of {image.shape[1:]}")
    planes = [cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_LINEAR) for plane in image]
    nearest = cv2.resize(np.ascontiguousarray(labels[0]), size, interpolation=cv2.INTER_NEAREST)
    return np.stack(planes), np.asarray(nearest)[None]


class LabelImages(PrefetchingLayer):
    """Tops: images, and their label images (n, 1, h, w), cropped and mirrored alike."""

    tops = (2, 3)
    #: How a label image is resized.
    interpolation = cv2.INTER_NEAREST

    @property
    def data(self) -> Any:
        return self.param.image_data_param

    @property
    def window(self) -> tuple[int, int]:
        """(height, width) of the crop that is not Caffe's own."""
        transform = self.param.transform_param
        return transform.crop_height, transform.crop_width

    @property
    def mirrored(self) -> bool:
        """Whether the layer mirrors by itself."""
        return False

    @property
    def factors(self) -> list[float]:
        """By one of these, drawn for each image, it is enlarged first; none leaves its size."""
        return []

    def constant(self, image: str, label: str) -> int | None:
        """The label of every pixel, where no label image says it."""
        return None if label else 0

    @property
    def ignored(self) -> int:
        """The label of what lies outside the image."""
        return self.data.ignore_label

    def batch_size(self) -> int:
        return self.data.batch_size

    def open(self, seed: int) -> Reader:
        if (self.data.new_height > 0) != (self.data.new_width > 0):
            raise self.fail("new_height and new_width must be given both or not at all")
        return _Pairs(self, seed)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().setup(bottom, top)
        shape = self.reader.shape
        top[1].adopt_shape((self.batch_size(), 1, *shape[1:]))
        if len(top) > 2:
            top[2].adopt_shape((self.batch_size(), 1, 1, 2))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().forward(bottom, top)
        if len(top) > 2:
            top[2].data[...] = top[0].shape[2:]


@register("ImageSegData")
class ImageSegData(LabelImages):
    """A third top gives the images' height and width; ``scale_factors`` enlarge image and labels by one of them.

    ``label_type`` PIXEL: label images; IMAGE: one whole number for all pixels of an image; NONE: ``ignore_label``.
    """

    def constant(self, image: str, label: str) -> int | None:
        if self.data.label_type == self.data.NONE:
            return self.data.ignore_label
        # Lists of label images without a label_type, whose default is IMAGE, are meant as what they are.
        meant = self.data.HasField("label_type") or label.isdecimal()
        if self.data.label_type != self.data.IMAGE or not meant:
            return super().constant(image, label)
        if not label.isdecimal() or int(label) > 255:
            raise self.fail(f"label_type IMAGE: expected a label from 0 to 255 behind {image}, found {label!r}")
        return int(label)

    @property
    def factors(self) -> list[float]:
        return list(self.param.transform_param.scale_factors)

    def open(self, seed: int) -> Reader:
        if any(factor <= 0 for factor in self.factors):
            raise self.fail(f"transform_param.scale_factors must be above 0, found {self.factors}")
        return super().open(seed)


@register("DenseImageData")
class DenseImageData(LabelImages):
    """SegNet's: settings in ``dense_image_data_param``, with a mirror and a crop of its own."""

    tops = (2, 2)

    @property
    def data(self) -> Any:
        return self.param.dense_image_data_param

    @property
    def window(self) -> tuple[int, int]:
        return self.data.crop_height, self.data.crop_width

    @property
    def mirrored(self) -> bool:
        return self.data.mirror

    @property
    def ignored(self) -> int:
        return 0


@register("ImageLabelmapData")
class ImageLabelmapData(LabelImages):
    """HED's: label images are resized as the images are, and keep their values, 0 to 255."""

    tops = (2, 2)
    interpolation = cv2.INTER_LINEAR
