"""An order of rows in which neighbours stand near each other: by clusters of their principal coordinates."""

from __future__ import annotations

import numpy as np

_ROWS_EACH = 256
_ROUNDS = 2
_AT_ONCE = 4096


def places(sets: list[np.ndarray]) -> list[np.ndarray]:
    """For each set of points (n, m) float32, the place (n,) int32 of each point's cluster; close clusters have close
    places. The clusters are those of the last set: k-means, two rounds from points of the set.
    """
    points = sets[-1]
    count = max(1, len(points) // _ROWS_EACH)
    centres = points[np.linspace(0, len(points) - 1, count).astype(np.int64)]
    for _ in range(_ROUNDS):
        nearest = _nearest(points, centres)
        order, sizes = np.argsort(nearest, kind="stable"), np.bincount(nearest, minlength=count)
        used = np.flatnonzero(sizes)
        sums = np.add.reduceat(points[order], (np.cumsum(sizes) - sizes)[used], axis=0)
        centres[used] = sums / sizes[used, None]
    centres = centres[_chain(centres)]
    return [_nearest(points_of_set, centres) for points_of_set in sets]


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    half_squares = np.einsum("ij,ij->i", centres, centres) / 2
    nearest = np.empty(len(points), np.int32)
    for start in range(0, len(points), _AT_ONCE):
        part = points[start : start + _AT_ONCE]
        nearest[start : start + len(part)] = (part @ centres.T - half_squares).argmax(axis=1)
    return nearest


def _chain(centres: np.ndarray) -> np.ndarray:
    """The numbers of the centres in an order where each is followed by the nearest that has not stood yet."""
    order, left = [0], np.ones(len(centres), bool)
    half_squares = np.einsum("ij,ij->i", centres, centres) / 2
    left[0] = False
    while left.any():
        near = centres @ centres[order[-1]] - half_squares
        order.append(int(np.where(left, near, -np.inf).argmax()))
        left[order[-1]] = False
    return np.array(order)
