"""ImageData: image files named in a list, one `path label` per line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.files import native, text_file
from caffe_torch.input.images import read_image
from caffe_torch.input.transform import TRAIN, Transformer
from caffe_torch.layers.base import register
from caffe_torch.layers.sources.prefetching import PrefetchingLayer, Reader, first_record, order
from caffe_torch.runtime import ranks

#: Caffe reads labels as int32. The top is float32, which holds whole numbers up to 2**24 exactly.
_LABEL_LIMIT = 2**31

#: A name and its label separated by a tab, a comma or a semicolon, which Caffe would read as one name.
_WRONG_SEPARATOR = re.compile(r"^(.*?)\s*[\t,;]\s*(-?\d+)$")


def read_multi_label_list(path: str, count: int) -> list[tuple[str, list[int]]]:
    """(path, labels) of each line ``path label label ...`` with ``count`` labels; the path ends at the first space.

    So it is in thuml/HashNet, the fork that has such lists. CaffeError names the line.
    """
    rows = []
    for number, line in enumerate(text_file.read(path, "list of images").split("\n"), 1):
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
    return bool(re.fullmatch(r"[-+]?\d{1,10}", word, re.ASCII)) and -_LABEL_LIMIT <= int(word) < _LABEL_LIMIT


def read_single_label_list(path: str, root: str = "") -> list[tuple[str, int]]:
    """(path, label) of each line; the label is what follows the last space, 0 where the line has no space.

    ``root`` is the prefix of each path, as it stands: a folder ends with /. CaffeError names the line.
    """
    rows = []
    for number, line in enumerate(text_file.read(path, "list of images").split("\n"), 1):
        if not line.strip():
            continue
        otherwise = _WRONG_SEPARATOR.match(line.strip())
        # A file may really be called "x,5".
        if otherwise and not os.path.exists(native.path(root + line.rstrip())):
            raise CaffeError(
                f"{path}:{number}: an image and its label are separated by a space, found {line!r}: "
                f"write {' '.join(otherwise.groups())!r}"
            )
        name, _, label = line.rstrip().rpartition(" ")
        if not name:
            name, label = label, "0"
        if name != name.strip() and not os.path.exists(native.path(root + name)):
            if os.path.exists(native.path(root + name.strip())):
                raise CaffeError(
                    f"{path}:{number}: Caffe takes every space but the one before the label as part of the image's "
                    f"name, found {line!r}: write {f'{name.strip()} {label}'!r}"
                )
        if not _is_label(label):
            raise CaffeError(
                f"{path}:{number}: expected an image and its whole-number label, separated by a space, found {line!r}"
            )
        rows.append((name, int(label)))
    if not rows:
        raise CaffeError(f"{path}: the list of images is empty")
    return rows


class _ImageListReader:
    """The Reader of ImageData: each epoch in a new order where ``shuffle`` is set.

    Item k of batch i is record start + rank + (i * batch_size + k) * processes of the list, epoch after epoch.
    """

    def __init__(self, param: Any, phase: int, seed: int):
        data = param.image_data_param
        #: Of each image its path and its label, or its labels where the list has several.
        self.lines: Sequence[tuple[str, Any]] = (
            read_multi_label_list(data.source, data.label_dim) if data.HasField("label_dim")
            else read_single_label_list(data.source, data.root_folder)
        )  # fmt: skip
        self.label_shape = (data.label_dim,) if data.HasField("label_dim") else ()
        self.seed, self.shuffle = seed, data.shuffle
        self.size, self.color, self.root = data.batch_size, data.is_color, data.root_folder
        self.resize_to = (data.new_height, data.new_width) if data.new_height else None
        self.transform = Transformer(param.transform_param, phase, np.random.default_rng(seed))
        self.rank = ranks.rank() if phase == TRAIN else 0
        self.processes = ranks.world_size() if phase == TRAIN else 1
        if data.rand_skip > len(self.lines):
            raise CaffeError(f"{data.source}: rand_skip is {data.rand_skip}, but it lists {len(self.lines)} images")
        self.start = first_record(seed, data.rand_skip)
        self._order: tuple[int, np.ndarray] | None = None
        self.shape = self.transform.shape(self._read(self.start)[0].shape)

    def _read(self, record: int) -> tuple[np.ndarray, Any]:
        """Image (channels, height, width) and label or labels of a record, counted over all epochs."""
        epoch, index = divmod(record, len(self.lines))
        if self.shuffle:
            if self._order is None or self._order[0] != epoch:
                self._order = (epoch, order(self.seed, epoch, len(self.lines)))
            index = int(self._order[1][index])
        name, label = self.lines[index]
        return read_image(self.root + name, self.color, self.resize_to).transpose(2, 0, 1), label

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Images (batch, channels, height, width) and labels (batch, ...), float32."""
        self.transform.generator = np.random.default_rng((self.seed, index))
        labels = np.empty((self.size, *self.label_shape), np.float32)
        images = first = None
        for i in range(self.size):
            record = self.start + self.rank + (index * self.size + i) * self.processes
            image, labels[i] = self._read(record)
            if images is None or first is None:  # the first image fixes the shape of the batch
                first = image.shape
                images = np.empty((self.size, *self.transform.shape(image.shape)), np.float32)
            if image.shape != first and not self.transform.crop[0]:
                raise CaffeError(
                    f"image {record % len(self.lines)} of the list has shape {image.shape}, others of its batch "
                    f"{first}: give new_height and new_width, or batch_size 1"
                )
            self.transform(image, images[i])
        assert images is not None
        return images, labels


@register("ImageData")
class ImageData(PrefetchingLayer):
    """Reads the images listed in ``image_data_param.source``; tops are images (BGR, float32) and labels.

    ``root_folder`` is put before each path. ``label_dim`` (of the fork thuml/HashNet) is the number of labels per line;
    the second top is then (batch, label_dim).
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
        return _ImageListReader(self.param, self.phase, seed)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().setup(bottom, top)
        data = self.param.image_data_param
        if data.HasField("label_dim"):
            top[1].adopt_shape((self.batch_size(), data.label_dim))
