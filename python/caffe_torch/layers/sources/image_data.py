"""ImageData: image files named in a list, one `path label` a line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.files import lists, native
from caffe_torch.input.images import read_image
from caffe_torch.input.transform import TRAIN, Transformer
from caffe_torch.layers.base import register
from caffe_torch.layers.sources.prefetching import PrefetchingLayer, Reader, first_record
from caffe_torch.runtime import ranks

#: Labels have 32 bits.
_LABELS = 2**31

#: What people write between a name and its label, and Caffe does not take for it.
_OTHERWISE = re.compile(r"^(.*?)\s*[\t,;]\s*(-?\d+)$")


def read_labels(path: str, count: int) -> list[tuple[str, list[int]]]:
    """(image, its labels) of each line ``path label label ...`` with ``count`` of them; CaffeError names the line."""
    rows = []
    for number, line in enumerate(lists.read_text(path, "list of images").split("\n"), 1):
        if not line.strip():
            continue
        name, *labels = line.split()
        wrong = [label for label in labels if not _is_label(label)]
        if len(labels) != count or wrong:
            raise CaffeError(
                f"{path}:{number}: expected an image and {count} whole-number labels (label_dim), separated by spaces, "
                f"found {wrong[0] if wrong else len(labels)!r}"
            )
        rows.append((name, [int(label) for label in labels]))
    if not rows:
        raise CaffeError(f"{path}: the list of images is empty")
    return rows


def _is_label(word: str) -> bool:
    return bool(re.fullmatch(r"[-+]?\d{1,10}", word, re.ASCII)) and -_LABELS <= int(word) < _LABELS


def read_list(path: str, root: str = "") -> list[tuple[str, int]]:
    """(image, label) of each line; the label is what follows the last space, 0 where there is none.

    ``root`` is what the images' paths follow. CaffeError names the line.
    """
    rows = []
    for number, line in enumerate(lists.read_text(path, "list of images").split("\n"), 1):
        if not line.strip():
            continue
        otherwise = _OTHERWISE.match(line.strip())
        if otherwise and not os.path.exists(native.path(root + line.rstrip())):
            raise CaffeError(
                f"{path}:{number}: an image and its label are separated by a space, found {line!r}: "
                f"write {' '.join(otherwise.groups())!r}"
            )
        name, _, label = line.rstrip().rpartition(" ")
        if not name:
            name, label = label, "0"
        if not _is_label(label):
            raise CaffeError(
                f"{path}:{number}: expected an image and its whole-number label, separated by a space, found {line!r}"
            )
        rows.append((name, int(label)))
    if not rows:
        raise CaffeError(f"{path}: the list of images is empty")
    return rows


class _Files:
    """Batch i holds the files from i * batch_size on, each pass in a new order where they are shuffled."""

    def __init__(self, param: Any, phase: int, seed: int):
        data = param.image_data_param
        #: Of each image its path and its label, or its labels where the list has several.
        self.lines: Sequence[tuple[str, Any]] = (
            read_labels(data.source, data.label_dim) if data.HasField("label_dim")
            else read_list(data.source, data.root_folder)
        )  # fmt: skip
        self.labels = (data.label_dim,) if data.HasField("label_dim") else ()
        self.seed, self.shuffle = seed, data.shuffle
        self.size, self.color, self.root = data.batch_size, data.is_color, data.root_folder
        self.resized = (data.new_height, data.new_width) if data.new_height else None
        self.transform = Transformer(param.transform_param, phase, np.random.default_rng(seed))
        self.rank = ranks.rank() if phase == TRAIN else 0
        self.stride = ranks.world_size() if phase == TRAIN else 1
        if data.rand_skip > len(self.lines):
            raise CaffeError(f"{data.source}: rand_skip is {data.rand_skip}, but it lists {len(self.lines)} images")
        self.start = first_record(seed, data.rand_skip)
        self._order: tuple[int, np.ndarray] | None = None
        self.shape = self.transform.shape(self._read(self.start)[0].shape)

    def _read(self, position: int) -> tuple[np.ndarray, Any]:
        """Image (channels, height, width) and label or labels at a position counted over all passes."""
        turn, index = divmod(position, len(self.lines))
        if self.shuffle:
            if self._order is None or self._order[0] != turn:
                self._order = (turn, np.random.default_rng((self.seed, 0, turn)).permutation(len(self.lines)))
            index = int(self._order[1][index])
        name, label = self.lines[index]
        return read_image(self.root + name, self.color, self.resized).transpose(2, 0, 1), label

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        self.transform.generator = np.random.default_rng((self.seed, index))
        labels = np.empty((self.size, *self.labels), np.float32)
        images = first = None
        for i in range(self.size):
            position = self.start + self.rank + (index * self.size + i) * self.stride
            image, labels[i] = self._read(position)
            if images is None or first is None:  # a batch is as large as its first image
                first = image.shape
                images = np.empty((self.size, *self.transform.shape(image.shape)), np.float32)
            if image.shape != first and not self.transform.crop[0]:
                raise CaffeError(
                    f"image {position % len(self.lines)} of the list has shape {image.shape}, others of its batch "
                    f"{first}: give new_height and new_width, or batch_size 1"
                )
            self.transform(image, images[i])
        assert images is not None
        return images, labels


@register("ImageData")
class ImageData(PrefetchingLayer):
    """Reads ``image_data_param.source``; paths in it follow ``root_folder``; tops are images and labels.

    With ``label_dim``, as HashNet has it, a line has so many labels, and the second top is (batch, label_dim).
    """

    tops = (2, 2)

    def batch_size(self) -> int:
        return self.param.image_data_param.batch_size

    def open(self, seed: int) -> Reader:
        data = self.param.image_data_param
        if (data.new_height > 0) != (data.new_width > 0):
            raise self.fail("new_height and new_width must be given both or not at all")
        if data.HasField("label_dim") and data.label_dim < 1:
            raise self.fail("label_dim must be 1 or more")
        return _Files(self.param, self.phase, seed)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().setup(bottom, top)
        data = self.param.image_data_param
        if data.HasField("label_dim"):
            top[1].adopt_shape((self.batch_size(), data.label_dim))
