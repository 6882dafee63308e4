"""Chunks of records made into Datums by threads, in order; a chunk is one transaction of the LMDBs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from multiweight.base.cpu import cores
from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.base.lmdb_file import Item
from multiweight.pack.reader import KEY, MAX_IMAGES, label_datum
from multiweight.photos.datum import decode
from multiweight.photos.decoding import MAX_PIXELS, RESIZE, UnreadableImage, resize
from multiweight.photos.images import ImageFolder
from multiweight.records.bad_images import DEFAULT_MAX_BAD, BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.record_table import RecordTable
from multiweight.records.records import UNKNOWN_AS, Record

ENCODINGS = ("raw", "jpg")
JPEG_QUALITY = 95  # OpenCV's own, which convert_imageset uses
CHUNK_PIXELS = 1 << 20  # of resized images in a chunk: 16 of 256x256


@dataclass(frozen=True)
class Settings:
    """How photos and labels are packed; the size is the paper's (IV-C)."""

    size: int = setting(256, "side of the packed images, pixels")
    encoding: str = setting("raw", "raw pixels, or JPEG of quality 95: smaller, slower to read", ENCODINGS)
    seed: int = setting(1, "seed of the shuffle: Caffe reads in the order packed")
    max_bad: float = setting(DEFAULT_MAX_BAD, "share of images, 0 to 1, that may be left out")
    max_pixels: int = setting(MAX_PIXELS, "largest width x height that is decoded")
    threads: int = setting(0, "threads that decode (0: as many as cores)")
    resize: str = setting("warp", "warp to the square, as the paper; pad with white; or take the middle square", RESIZE)
    unknown: str = setting(
        "no",
        "labels that are not known count as no, as in the paper, or are -1, which the losses leave out",
        UNKNOWN_AS,
    )


class Chunk(NamedTuple):
    """What a thread makes of the images at the positions from ``start`` to before ``stop``.

    LMDB items, positions packed, those left out, the sum of pixels as uint32 (3, S, S).
    """

    start: int
    stop: int
    images: list[Item]
    labels: list[Item]
    packed: list[int]
    bad: list[BadImage]
    total: np.ndarray


class Shuffled:
    """Records in the order of the LMDB: the key is the zero-padded position in a seeded shuffle."""

    def __init__(self, items: RecordTable | Sequence[Record], seed: int):
        if len(items) >= MAX_IMAGES:
            raise UserError(f"{len(items)} images: keys of 8 digits hold {MAX_IMAGES - 1}")
        self._items = items
        # RandomState's stream is the same in every NumPy.
        self._order = np.random.RandomState(seed).permutation(len(items)).astype(np.int32)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> Record:
        return self._items[int(self._order[position])]

    def chunks(self, size: int, shard: tuple[int, int] = (1, 1)) -> list[tuple[int, int]]:
        """(start, stop) positions of the chunks of shard i of n, for images of ``size`` pixels' side."""
        step = max(1, min(256, CHUNK_PIXELS // size**2))
        spans = [(start, min(start + step, len(self))) for start in range(0, len(self), step)]
        number, shards = shard
        return spans[len(spans) * (number - 1) // shards : len(spans) * number // shards]


def key(position: int) -> bytes:
    """The LMDB's key of a position."""
    return KEY.format(position).encode("ascii")


class ChunkMaker:
    """Reads, resizes and encodes; ``datum`` is the schema's Datum class."""

    def __init__(self, datum: Any, items: Shuffled, catalog: Catalog, images: ImageFolder, settings: Settings):
        self.datum, self.items, self.catalog, self.images, self.settings = datum, items, catalog, images, settings

    def all(self, spans: Iterable[tuple[int, int]]) -> Iterator[Chunk]:
        """Chunks in order, made by threads (OpenCV lets go of the interpreter lock); few wait at a time."""
        threads = self.settings.threads or cores()
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        pool = ThreadPoolExecutor(threads)
        waiting: deque[Future[Chunk]] = deque()
        try:
            for span in spans:
                waiting.append(pool.submit(self.make, *span))
                if len(waiting) > threads + 2:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            pool.shutdown(wait=True)
            cv2.setNumThreads(before)

    def make(self, start: int, stop: int) -> Chunk:
        """The chunk of the positions from ``start`` to before ``stop``."""
        side = self.settings.size
        chunk = Chunk(start, stop, [], [], [], [], np.zeros((3, side, side), np.uint32))
        for position in range(start, stop):
            record = self.items[position]
            image = self.read(record)
            if isinstance(image, BadImage):
                chunk.bad.append(image)
                continue
            planes, value = self._datum(resize(image, side, self.settings.resize))
            np.add(chunk.total, planes, out=chunk.total)
            label = label_datum(self.datum, record.vector(self.catalog, self.settings.unknown))
            name = key(position)
            chunk.images.append((name, value.SerializeToString()))
            chunk.labels.append((name, label.SerializeToString()))
            chunk.packed.append(position)
        return chunk

    def read(self, record: Record) -> np.ndarray | BadImage:
        """The photo's pixels, or why it has none."""
        try:
            return self.images.read(record.image)
        except UnreadableImage as error:
            return BadImage(record.image, record.product, "pack", str(error))

    def _datum(self, image: np.ndarray) -> tuple[np.ndarray, Any]:
        """The pixels that a net will see, uint8 (3, size, size), and the Datum that holds them."""
        if self.settings.encoding == "jpg":
            data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
            # A net, and compute_image_mean, see what the JPEG decodes to: so must the mean.
            value = self.datum(data=data, encoded=True)
            return decode(value), value
        planes = np.stack(cv2.split(image))
        return planes, self.datum(channels=3, height=image.shape[0], width=image.shape[1], data=planes.tobytes())
