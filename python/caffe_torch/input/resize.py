"""caffe.io.resize_image, with the interpolation of the original's scikit-image and SciPy.

Images of 1 or 3 channels: pixels are areas, what lies beyond the edge is the image's smallest value, and nothing is
smoothed before it shrinks (as in scikit-image before 0.15, which Caffe's published results were made with). Other
arrays: corners stand on corners and what lies beyond the edge is mirrored, as in scipy.ndimage.zoom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np

from caffe_torch.errors import CaffeError

Weight = Callable[[np.ndarray], np.ndarray]


def resize_image(im: np.ndarray, new_dims: Sequence[int] | np.ndarray, interp_order: int = 1) -> np.ndarray:
    """``im`` (height, width, channels) resized to ``new_dims`` (height, width); float32.

    ``interp_order``: 0 nearest, 1 linear, 3 cubic; CaffeError for others.
    """
    if interp_order not in _WEIGHTS:
        raise CaffeError(f"resize_image: interp_order must be 0, 1 or 3, found {interp_order}")
    sizes = [int(n) for n in new_dims]
    if im.shape[-1] not in (1, 3):
        result = im.astype(np.float64)
        for axis, size in enumerate(sizes):
            result = _along(result, axis, size, interp_order, corners=True)
        return result.astype(np.float32)
    low, high = float(im.min()), float(im.max())
    # Counted from the smallest value, which is what the pixels beyond the edge then have by being left out.
    result = im.astype(np.float64) - low
    for axis, size in enumerate(sizes):
        result = _along(result, axis, size, interp_order, corners=False)
    return (np.clip(result, 0, high - low) + low).astype(np.float32)


def _along(array: np.ndarray, axis: int, new: int, order: int, corners: bool) -> np.ndarray:
    """``array`` with ``new`` pixels along one axis."""
    old = array.shape[axis]
    array = np.moveaxis(array, axis, 0)
    weight = _WEIGHTS[order]
    if corners:
        at = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)
        if order == 3:
            weight = _b_spline
            array = _spline_coefficients(array)
    else:
        at = (np.arange(new) + 0.5) * (old / new) - 0.5
    result = np.zeros((new, *array.shape[1:]))
    first = np.floor(at).astype(int)
    for index in (first - 1, first, first + 1, first + 2):
        values = weight(at - index)
        values[((index < 0) | (index >= old)) & (not corners)] = 0
        if values.any():
            result += values.reshape(-1, *[1] * (array.ndim - 1)) * array[_mirrored(index, old)]
    return np.moveaxis(result, 0, axis)


def _mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Indices beyond the edge, reflected about the middle of the edge's pixel."""
    period = max(2 * (size - 1), 1)
    index = np.abs(index) % period
    return np.minimum(index, period - index) if size > 1 else index * 0


def _spline_coefficients(array: np.ndarray) -> np.ndarray:
    """What the B-spline must weigh so that it goes through the pixels of the first axis."""
    size = len(array)
    values = np.zeros((size, size))
    for step, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
        np.add.at(values, (np.arange(size), _mirrored(np.arange(size) + step, size)), weight)
    return np.linalg.solve(values, array.reshape(size, -1)).reshape(array.shape)


def _nearest(distance: np.ndarray) -> np.ndarray:
    return ((distance >= -0.5) & (distance < 0.5)).astype(float)


def _linear(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(distance), 0)


def _catmull_rom(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _b_spline(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    return np.where(d <= 1, (4 - 6 * d**2 + 3 * d**3) / 6, np.where(d < 2, (2 - d) ** 3 / 6, 0))


_WEIGHTS: dict[int, Weight] = {0: _nearest, 1: _linear, 3: _catmull_rom}
