"""extract_features: blobs of a net, over some batches, as databases of one Datum per item."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from caffe_torch.cli import devices
from caffe_torch.errors import CaffeError
from caffe_torch.files.database_writer import NewDatabase
from caffe_torch.net.net import Net
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log

_USAGE = """extract_features: writes blobs of a trained net, over batches of its own data layer, into databases.
usage: extract_features WEIGHTS NET BLOB[,BLOB...] DB_NAME[,DB_NAME...] BATCHES lmdb|leveldb [CPU|GPU [DEVICE_ID]]"""

#: Records between two lines of the log.
_EVERY = 1000


def run_tool(name: str, words: Sequence[str]) -> int:
    if len(words) < 6:
        print(_USAGE, file=sys.stderr)
        return 1
    weights, net_file, blobs, databases, batches, backend = words[:6]
    _choose_device(words[6:])
    net = Net(net_file, caffe_pb2.TEST, weights=weights)
    names, paths = blobs.split(","), databases.split(",")
    if len(names) != len(paths):
        raise CaffeError(f"{blobs} names {len(names)} blob(s), {databases} {len(paths)} database(s): give one for each")
    for blob in names:
        if blob not in net.blobs:
            raise CaffeError(f"{net_file}: has no blob {blob!r}; it has {', '.join(net.blobs)}")
    if not re.fullmatch(r"\d+", batches):
        raise CaffeError(f"{batches}: expected the number of batches")
    with ExitStack() as stack:
        stores = []
        for path in paths:
            log.info(f"Opening dataset {path}")
            stores.append(stack.enter_context(NewDatabase(path, backend)))
        log.error("Extracting Features")
        counts = _extract(net, names, stores, int(batches))
    for blob, count in zip(names, counts):
        log.error(f"Extracted features of {count} query images for feature blob {blob}")
    log.error("Successfully extracted the features!")
    return 0


def _choose_device(words: Sequence[str]) -> None:
    if words and words[0] == "GPU":
        number = words[1] if len(words) > 1 else "0"
        log.error("Using GPU")
        log.error(f"Using Device_id={number}")
        devices.use_first(number)
    else:
        log.error("Using CPU")
        devices.use_first("")


def _extract(net: Net, names: list[str], stores: list[NewDatabase], batches: int) -> list[int]:
    """How many items of each blob were written: their keys are their numbers, in ten digits."""
    counts = [0] * len(names)
    for _ in range(batches):
        net.forward()
        for i, (name, store) in enumerate(zip(names, stores)):
            blob = net.blobs[name]
            items = np.asarray(blob.data)
            if items.ndim > 4:
                raise CaffeError(f"blob {name!r} has shape {items.shape}: a Datum holds items of three axes at most")
            for item in items.reshape(items.shape[0] if items.ndim else 1, -1):
                datum = caffe_pb2.Datum(channels=blob.channels, height=blob.height, width=blob.width)
                datum.float_data.extend(item.tolist())
                store.put(b"%010d" % counts[i], datum.SerializeToString())
                counts[i] += 1
                if counts[i] % _EVERY == 0:
                    log.error(f"Extracted features of {counts[i]} query images for feature blob {name}")
    return counts
