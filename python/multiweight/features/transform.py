"""Pixels as a net's input: what Caffe's Data layer does in the TEST phase, and averages over several views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.features.trained_weights import blob_shape

VIEWS = ("centre", "mirror", "crops")


class Views:
    """Mean subtracted, then crops of the net's input size; no scale.

    ``shape`` is (C, crop, crop) of the net's input; ``mean`` a binaryproto of the images' size, or None. ``views`` is
    ``centre`` (as the Data layer), ``mirror`` (that and its mirror image) or ``crops`` (centre, four corners and the
    mirror images of the five, as pycaffe's oversample).
    """

    def __init__(self, caffe: ModuleType, mean: str | Path | None, shape: Sequence[int], views: str = "centre"):
        if views not in VIEWS:
            raise UserError(f"views {views!r} are unknown: expected one of {', '.join(VIEWS)}")
        self.shape, self.views = tuple(shape), views
        self.mean = read_mean(caffe, mean) if mean else None
        self.count = {"centre": 1, "mirror": 2, "crops": 10}[views]

    def of(self, where: str, pixels: np.ndarray) -> np.ndarray:
        """(views, C, crop, crop) float32 of pixels (C, height, width); UserError names ``where`` if they do not fit."""
        channels, height, width = self.shape
        if pixels.shape[0] != channels or pixels.shape[1] < height or pixels.shape[2] < width:
            raise UserError(f"{where}: an image of {pixels.shape}, but the net's input is {self.shape}")
        if self.mean is not None and self.mean.shape != pixels.shape:
            raise UserError(f"{where}: an image of {pixels.shape}, but the mean is of {self.mean.shape}")
        down, right = pixels.shape[1] - height, pixels.shape[2] - width
        places = [(down // 2, right // 2)]
        if self.views == "crops":
            places += [(0, 0), (0, right), (down, 0), (down, right)]
        crops = []
        for top, left in places:
            window = (slice(None), slice(top, top + height), slice(left, left + width))
            part = pixels[window].astype(np.float32)
            crops.append(part if self.mean is None else part - self.mean[window])
        if self.views != "centre":
            crops += [part[:, :, ::-1] for part in crops]
        return np.stack(crops)


def read_mean(caffe: ModuleType, path: str | Path) -> np.ndarray:
    """A mean.binaryproto as float32 (C, height, width)."""
    proto = engine.schema(caffe).BlobProto()
    try:
        proto.ParseFromString(Path(path).read_bytes())
    except OSError as error:
        raise UserError(f"{path}: the mean file cannot be read ({error.strerror})") from None
    except Exception as error:
        raise UserError(f"{path}: not a mean file ({error})") from None
    side = tuple(blob_shape(proto))[-3:]
    if len(side) != 3 or min(side) < 1 or math.prod(side) != len(proto.data):
        raise UserError(
            f"{path}: not a mean file ({len(proto.data)} numbers for a shape of {side}): pack the data again"
        )
    return np.array(proto.data, dtype=np.float32).reshape(side)
