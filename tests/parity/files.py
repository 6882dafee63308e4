"""The small files that parity cases read: LMDBs of each kind of record, a mean, a matrix."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import lmdb
import numpy as np

from caffe_torch import io
from caffe_torch.proto import caffe_pb2

#: Records of the LMDBs for layers and solvers, their shape, and the number of their classes.
RECORDS, SHAPE, CLASSES = 12, (3, 9, 8), 3


def write_lmdb(path: Path, datums: Iterable[Any]) -> None:
    """Records under keys 00000000, 00000001, ... in a new LMDB."""
    with lmdb.open(str(path), map_size=1 << 28) as environment, environment.begin(write=True) as transaction:
        for i, datum in enumerate(datums):
            transaction.put(f"{i:08d}".encode(), datum.SerializeToString())


def picture(random: np.random.RandomState, shape: tuple[int, int, int], label: int = 0) -> np.ndarray:
    """uint8 (channels, height, width): noise with a slope that depends on the label, which can be learned."""
    channels, height, width = shape
    slope = np.linspace(-60, 60, width)[None, None] * (label - 1) + np.linspace(-40, 40, height)[None, :, None]
    return np.clip(128 + slope + random.normal(0, 40, (channels, height, width)), 0, 255).astype(np.uint8)


def encoded(image: np.ndarray, extension: str, label: int = 0) -> Any:
    """A Datum that holds the image (channels, height, width) as a file."""
    pixels = image[0] if image.shape[0] == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    data = cv2.imencode(extension, pixels)[1].tobytes()
    return caffe_pb2.Datum(data=data, encoded=True, label=label)


def vector(values: np.ndarray) -> Any:
    """A label vector as a Datum of shape (L, 1, 1)."""
    return caffe_pb2.Datum(channels=len(values), height=1, width=1, data=values.astype(np.uint8).tobytes())


def write(folder: Path) -> None:
    random = np.random.RandomState(3)
    labels = [i % CLASSES for i in range(RECORDS)]
    images = [picture(random, SHAPE, label) for label in labels]
    raw = [io.array_to_datum(image, label) for image, label in zip(images, labels)]
    write_lmdb(folder / "raw_lmdb", raw)
    write_lmdb(folder / "float_lmdb", [io.array_to_datum(image / 7.0 - 9, 2) for image in images])
    write_lmdb(folder / "jpg_lmdb", [encoded(picture(random, (3, 19, 21)), ".jpg", i) for i in range(5)])
    write_lmdb(folder / "png_lmdb", [encoded(picture(random, (3, 9, 11)), ".png", i) for i in range(5)])
    write_lmdb(folder / "gray_lmdb", [encoded(picture(random, (1, 9, 11)), ".png", i) for i in range(5)])
    sizes = [(3, 9 + i, 14 - 2 * i) for i in range(3)]
    write_lmdb(folder / "sizes_lmdb", [encoded(picture(random, size), ".png") for size in sizes])
    write_lmdb(folder / "vector_lmdb", [vector(random.randint(0, 2, 7)) for _ in range(RECORDS)])
    mean = np.mean(images, axis=0).astype(np.float32)
    legacy = caffe_pb2.BlobProto(num=1, channels=SHAPE[0], height=SHAPE[1], width=SHAPE[2], data=mean.ravel().tolist())
    (folder / "mean.binaryproto").write_bytes(legacy.SerializeToString())
    matrix = random.uniform(0, 1, (1, 1, 4, 4))
    (folder / "infogain.binaryproto").write_bytes(io.array_to_blobproto(matrix).SerializeToString())
