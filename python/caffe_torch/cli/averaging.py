"""compute_image_mean: the mean image of a database, and the mean of each of its channels."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from caffe_torch.cli.flags import parse
from caffe_torch.errors import CaffeError
from caffe_torch.files import whole_file
from caffe_torch.files.database import open_source
from caffe_torch.files.records import Source
from caffe_torch.files.records import parse as parse_record
from caffe_torch.input.transform import datum_array
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log

_USAGE = """compute_image_mean: the mean image of an LMDB or a LevelDB of images.
usage: compute_image_mean [FLAGS] INPUT_DB [OUTPUT_FILE]
  --backend lmdb|leveldb   the kind of database (lmdb)"""

#: Records between two lines of the log.
_EVERY = 10000


def run_tool(name: str, words: Sequence[str]) -> int:
    flags, paths = parse(words, {"backend": "lmdb", "help": False})
    if len(paths) not in (1, 2) or flags["help"]:
        print(_USAGE, file=sys.stderr)
        return 1
    if flags["backend"] not in ("lmdb", "leveldb"):
        raise CaffeError(f"--backend={flags['backend']}: expected lmdb or leveldb")
    mean = _mean(open_source(paths[0], flags["backend"].upper()))
    if len(paths) == 2:
        log.info(f"Write to {paths[1]}")
        channels, height, width = mean.shape
        blob = caffe_pb2.BlobProto(num=1, channels=channels, height=height, width=width, data=mean.ravel().tolist())
        whole_file.write_bytes(paths[1], blob.SerializeToString())
    log.info(f"Number of channels: {len(mean)}")
    for channel, values in enumerate(mean):
        # Pixel by pixel in float32, as the original adds them up.
        total = np.cumsum(values.ravel(), dtype=np.float32)[-1]
        log.info(f"mean_value channel [{channel}]: {total / np.float32(values.size):g}")
    return 0


def _mean(source: Source) -> np.ndarray:
    """float32 (channels, height, width), summed up in float32 in the order of the records, as the original does."""
    total: np.ndarray | None = None
    count = 0
    for key, value in source.once():
        where = f"{source.path}: record {key.decode('utf-8', 'replace')!r}"
        datum = parse_record(key, value, source.path)
        array = datum_array(datum, where, caffe_pb2.TransformationParameter())
        if total is None:
            if datum.encoded:
                log.info("Decoding Datum")
            log.info("Starting iteration")
            total = np.zeros(array.shape, np.float32)
        if array.size != total.size:
            raise CaffeError(f"{where}: holds an image of shape {array.shape}, the first one has {total.shape}")
        total += array.reshape(total.shape)
        count += 1
        if count % _EVERY == 0:
            log.info(f"Processed {count} files.")
    if total is None:
        raise CaffeError(f"{source.path}: holds no records")
    if count % _EVERY:
        log.info(f"Processed {count} files.")
    total /= np.float32(count)
    return total
