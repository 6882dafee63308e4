"""A Datum of Caffe's schema out of an LMDB: opened, parsed, decoded."""

from __future__ import annotations

import gc
import importlib
import time
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from multiweight.base.errors import UserError


def opened(path: Path, readahead: bool = True, wait: float = 0.0) -> Any:
    """The environment of an LMDB, read without locks and without write permission; UserError where there is none.

    LMDB opens a path once in a process; a net that is gone ends its reader's thread a little later: up to ``wait``
    seconds for it.
    """
    if not (path / "data.mdb").is_file():
        raise UserError(f"{path}: no LMDB there: pack the data first (make lmdb)")
    until = time.monotonic() + wait
    while True:
        try:
            return lmdb.open(str(path), readonly=True, lock=False, readahead=readahead)
        except lmdb.Error as error:
            if "already open" not in str(error) or time.monotonic() >= until:
                raise UserError(f"{path}: cannot be opened as an LMDB ({error}): pack the data again") from None
            gc.collect()
            time.sleep(0.05)


def parsed(kind: Any, value: Any, at: str) -> Any:
    """``value`` as a message of the class ``kind``; UserError, with the place ``at``, where it is none."""
    datum = kind()
    try:
        datum.ParseFromString(bytes(value))
    except Exception as error:  # protobuf's DecodeError, which moved between its versions
        raise UserError(f"{at}: no Datum ({error}): pack the data again") from None
    return datum


def decode(datum: Any, at: str = "datum", floats: bool = False) -> np.ndarray:
    """Pixels of an image datum, raw or encoded: uint8 (channels, height, width); UserError where they do not decode.

    An encoded datum has shape 0x0x0 in its fields, so its picture tells the shape. ``floats``: a datum without bytes
    may have float32 values in ``float_data``.
    """
    if datum.encoded:
        # Imported here: extraction from raw pixels needs no OpenCV.
        cv2 = importlib.import_module("cv2")
        image = cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_COLOR) if datum.data else None
        if image is None:
            raise UserError(f"{at}: the encoded image does not decode: pack the data again")
        return np.ascontiguousarray(image.transpose(2, 0, 1))
    shape = (datum.channels, datum.height, datum.width)
    as_floats = floats and not datum.data
    values = np.array(datum.float_data, np.float32) if as_floats else np.frombuffer(datum.data, np.uint8)
    if values.size != shape[0] * shape[1] * shape[2] or not values.size:
        what = "values" if as_floats else "bytes of data"
        raise UserError(f"{at}: {values.size} {what} for a shape of {'x'.join(map(str, shape))}: pack the data again")
    return values.reshape(shape)
