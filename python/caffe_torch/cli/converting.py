"""convert_imageset: a list of image files becomes an LMDB or a LevelDB of Datum records."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from caffe_torch.cli.flags import parse
from caffe_torch.errors import CaffeError
from caffe_torch.files.database_writer import NewDatabase
from caffe_torch.input.prefetch import in_threads
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log, rng
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import cv2
else:
    cv2 = Lazy("cv2")

_USAGE = """convert_imageset: makes an LMDB or a LevelDB of the images that a list names, one `path label` a line.
usage: convert_imageset [FLAGS] ROOTFOLDER/ LISTFILE DB_NAME
  --backend lmdb|leveldb   the kind of database (lmdb)
  --gray                   read the images as gray ones
  --shuffle                put them into a random order
  --resize_height N --resize_width N   resize to this size, where both are given
  --check_size             stop where an image has another size than the first
  --encoded                keep image files, not pixels, of the kind that each file's name says
  --encode_type png|jpg|...   keep image files of this kind"""

#: Images that are read before they are written, and records between two lines of the log.
_CHUNK, _EVERY = 64, 1000


class _Settings(NamedTuple):
    gray: bool
    #: Sizes to resize to; 0 where none is asked for.
    height: int
    width: int
    encoded: bool
    encode_type: str


def run_tool(name: str, words: Sequence[str]) -> int:
    flags, given = parse(words, {
        "gray": False, "shuffle": False, "backend": "lmdb", "resize_width": 0, "resize_height": 0, "check_size": False,
        "encoded": False, "encode_type": "", "help": False,
    })  # fmt: skip
    if len(given) < 3 or flags["help"]:
        print(_USAGE, file=sys.stderr)
        return 1
    root, list_file, path = given[:3]
    lines = _lines(list_file)
    if flags["shuffle"]:
        log.info("Shuffling data")
        lines = [lines[i] for i in np.random.default_rng(rng.spawn_seed()).permutation(len(lines))]
    log.info(f"A total of {len(lines)} images.")
    if flags["encode_type"] and not flags["encoded"]:
        log.info("encode_type specified, assuming encoded=true.")
    settings = _Settings(
        flags["gray"], max(flags["resize_height"], 0), max(flags["resize_width"], 0), flags["encoded"],
        flags["encode_type"],
    )  # fmt: skip
    written = _write(root, lines, path, flags["backend"], settings, flags["check_size"])
    if written < len(lines):
        log.warning(f"{len(lines) - written} of {len(lines)} images cannot be read and are not in {path}")
    return 0


def _lines(path: str) -> list[tuple[bytes, int]]:
    """(file, label) of each line: the label is what the text behind the last space begins with as a number, or 0."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise CaffeError(f"{path}: the list of images cannot be read ({error.strerror})") from None
    if lines[-1] == b"":
        lines.pop()
    labelled = []
    for line in lines:
        name, space, label = line.rpartition(b" ")
        number = re.match(rb"\s*([+-]?\d+)", label)
        labelled.append((name if space else line, int(number.group(1)) if number else 0))
    return labelled


def _write(
    root: str, lines: list[tuple[bytes, int]], path: str, backend: str, settings: _Settings, check_size: bool
) -> int:
    """Write the database and return how many images are in it."""
    count = 0
    first: tuple[str, int] | None = None
    with NewDatabase(path, backend) as database:
        for begin in range(0, len(lines), _CHUNK):
            for at, datum, size in _read(root, lines, begin, settings):
                file = root + os.fsdecode(lines[at][0])
                if check_size:
                    first = first or (file, size)
                    if size != first[1]:
                        raise CaffeError(f"{file}: has {size} values, but {first[0]} has {first[1]} (--check_size)")
                database.put(b"%08d_" % at + lines[at][0], datum.SerializeToString())
                count += 1
                if count % _EVERY == 0:
                    log.info(f"Processed {count} files.")
        if not count:
            raise CaffeError(f"{path}: is not written: none of the {len(lines)} images of the list can be read")
    if count % _EVERY:
        log.info(f"Processed {count} files.")
    return count


def _read(root: str, lines: list[tuple[bytes, int]], begin: int, settings: _Settings) -> list[tuple[int, Any, int]]:
    """(position in the list, Datum, values of its image) of the images from ``begin`` on that can be read."""
    datums: list[tuple[Any, int] | None] = [None] * min(_CHUNK, len(lines) - begin)

    def read(i: int) -> None:
        name, label = lines[begin + i]
        datums[i] = _datum(root + os.fsdecode(name), label, settings)

    in_threads(read, len(datums))
    return [(begin + i, *datum) for i, datum in enumerate(datums) if datum is not None]


def _datum(file: str, label: int, settings: _Settings) -> tuple[Any, int] | None:
    """The Datum of an image and how many values it has; None, and a line in the log, where it cannot be read."""
    image = None
    if os.path.isfile(file):
        image = cv2.imread(file, cv2.IMREAD_GRAYSCALE if settings.gray else cv2.IMREAD_COLOR)
    if image is None:
        log.error(f"Could not open or find file {file}")
        return None
    if settings.height and settings.width:
        image = cv2.resize(image, (settings.width, settings.height))
    kind = settings.encode_type
    if settings.encoded and not kind:
        kind = file.rpartition(".")[2].lower()
    if kind:
        return caffe_pb2.Datum(data=_encoded(file, image, kind, settings), label=label, encoded=True), image.size
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    channels, height, width = planes.shape
    return caffe_pb2.Datum(
        channels=channels, height=height, width=width, data=planes.tobytes(), label=label, encoded=False
    ), image.size  # fmt: skip


def _encoded(file: str, image: np.ndarray, kind: str, settings: _Settings) -> bytes:
    """The file as it is where it is of this kind already and no size was asked for, else the image written anew."""
    extension = file.rpartition(".")[2].lower()
    alike = extension == kind.lower() or (kind.lower() == "jpg" and extension == "jpeg")
    if alike and not settings.height and not settings.width:
        with open(file, "rb") as source:
            return source.read()
    try:
        whole, data = cv2.imencode(f".{kind}", image)
    except cv2.error:
        whole = False
    if not whole:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise CaffeError(
            f"{file}: OpenCV cannot write {size} pixels as {kind!r}: give another --encode_type, such as png"
        )
    return data.tobytes()
