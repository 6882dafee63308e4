"""Packed images as a net's input: what Caffe's Data layer does in the TEST phase."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from multiweight import engine
from multiweight.errors import UserError
from multiweight.snapshots import blob_shape


class CentreCrop:
    """Datum bytes -> float32 input: mean subtracted, then the centre crop; no mirroring and no scale.

    ``images`` names the LMDB in messages; ``shape`` is (C, crop, crop) of the net's input; ``mean`` a binaryproto of
    the images' size, or None. UserError names the key of an image that does not fit.
    """

    def __init__(self, caffe: ModuleType, images: Path, mean: str | Path | None, shape: Sequence[int]):
        self.schema, self.images, self.shape = engine.schema(caffe), images, tuple(shape)
        self.mean = None
        if mean:
            proto = self.schema.BlobProto()
            try:
                proto.ParseFromString(Path(mean).read_bytes())
            except OSError as error:
                raise UserError(f"{mean}: the mean file cannot be read ({error.strerror})") from None
            except Exception as error:
                raise UserError(f"{mean}: not a mean file ({error})") from None
            side = blob_shape(proto)[-3:]
            self.mean = np.array(proto.data, dtype=np.float32).reshape(side)

    def batches(self, environment: Any, size: int) -> Iterator[tuple[list[bytes], np.ndarray]]:
        """(keys, (n, C, crop, crop) float32) of at most ``size`` images each, in the order of the keys' bytes."""
        keys: list[bytes] = []
        rows: list[np.ndarray] = []
        with environment.begin() as transaction:
            for key, value in transaction.cursor():
                keys.append(bytes(key))
                rows.append(self.image(bytes(key), value))
                if len(rows) == size:
                    yield keys, np.stack(rows)
                    keys, rows = [], []
        if rows:
            yield keys, np.stack(rows)

    def image(self, key: bytes, value: bytes) -> np.ndarray:
        where = f"{self.images}: key {key.decode()}"
        datum = self.schema.Datum()
        try:
            datum.ParseFromString(value)
        except Exception as error:
            raise UserError(f"{where}: not a Datum ({error}): pack the images again") from None
        if datum.encoded:
            cv2 = importlib.import_module("cv2")
            pixels = cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_COLOR)
            if pixels is None:
                raise UserError(f"{where}: the encoded image cannot be decoded: pack the images again")
            pixels = pixels.transpose(2, 0, 1)
        else:
            side = (datum.channels, datum.height, datum.width)
            flat = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, np.float32)
            if flat.size != side[0] * side[1] * side[2]:
                raise UserError(f"{where}: {flat.size} values for a shape of {side}: pack the images again")
            pixels = flat.reshape(side)
        channels, height, width = self.shape
        if pixels.shape[0] != channels or pixels.shape[1] < height or pixels.shape[2] < width:
            raise UserError(f"{where}: an image of {pixels.shape}, but the net's input is {self.shape}")
        top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
        window = (slice(None), slice(top, top + height), slice(left, left + width))
        if self.mean is None:
            return pixels[window].astype(np.float32)
        if self.mean.shape != pixels.shape:
            raise UserError(f"{where}: an image of {pixels.shape}, but the mean is of {self.mean.shape}")
        return pixels[window].astype(np.float32) - self.mean[window]
