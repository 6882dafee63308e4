"""A Datum of Caffe's schema, as an LMDB holds it: parsed, decoded."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from multiweight.base.errors import UserError


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
