"""Small helpers on shapes that several layer families need."""

from __future__ import annotations

import math
from collections.abc import Sequence

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer


def canonical_axis(layer: Layer, blob: Blob, axis: int) -> int:
    """``axis`` counted from the front; CaffeError where the blob has no such axis."""
    axes = len(blob.shape)
    if not -axes <= axis < axes:
        raise layer.fail(f"axis {axis} is out of range for a blob of shape {blob.shape}")
    return axis % axes


def count(shape: Sequence[int]) -> int:
    """The number of elements of a shape or of a part of one."""
    return math.prod(shape)
