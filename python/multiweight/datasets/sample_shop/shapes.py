"""Coordinates, outlines and colours of the sample shop's drawings: a square of 100 x 100 on a canvas of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

CANVAS = 256  # side in pixels
CENTER = 50.0
SHIFT = 4  # bits of a pixel's fraction in OpenCV's coordinates
Points = Sequence[tuple[float, float]]
Color = tuple[int, int, int]


class Canvas:
    """A garment under construction: ``image``, ``mask``, the outlines of its parts, and ``ink`` for lines."""

    def __init__(self) -> None:
        self.image = np.empty((CANVAS, CANVAS, 3), np.uint8)
        self.mask = np.zeros((CANVAS, CANVAS), np.uint8)
        self.seams: list[np.ndarray] = []
        self.ink: Color = (0, 0, 0)

    def cloth(self, points: Points) -> None:
        """Add a part to the garment, with a seam around it."""
        polygon = fixed(points)
        cv2.fillPoly(self.mask, [polygon], 255, cv2.LINE_AA, SHIFT)
        self.seams.append(polygon)

    def fill(self, points: Points, color: Color, outline: bool = True) -> None:
        """Paint a part over the garment; it becomes part of it."""
        polygon = fixed(points)
        cv2.fillPoly(self.mask, [polygon], 255, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(self.image, [polygon], color, cv2.LINE_AA, SHIFT)
        if outline:
            cv2.polylines(self.image, [polygon], True, self.ink, 1, cv2.LINE_AA, SHIFT)

    def line(self, points: Points, color: Color | None = None, width: int = 1) -> None:
        """Draw an open line, ``width`` pixels wide, over the garment."""
        cv2.polylines(self.image, [fixed(points)], False, color or self.ink, width, cv2.LINE_AA, SHIFT)

    def dot(self, x: float, y: float, radius: float, color: Color) -> None:
        """Draw a filled circle over the garment."""
        center = fixed([(x, y)])[0]
        cv2.circle(self.image, (int(center[0]), int(center[1])), length(radius), color, -1, cv2.LINE_AA, SHIFT)


def fixed(points: Points) -> np.ndarray:
    """Points as OpenCV takes them: int32 (n, 2), with SHIFT bits of a pixel's fraction."""
    return np.round(np.asarray(points, float) * (CANVAS / 100.0 * (1 << SHIFT))).astype(np.int32)


def length(value: float) -> int:
    """A length as OpenCV takes it, with SHIFT bits of a pixel's fraction."""
    return int(round(value * CANVAS / 100.0 * (1 << SHIFT)))


def mirrored(half: Points) -> list[tuple[float, float]]:
    """A closed outline from its right half, given as distances from the middle, top to bottom."""
    return [(CENTER + dx, y) for dx, y in half] + [(CENTER - dx, y) for dx, y in reversed(half)]


def circle(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """A circle as a polygon of 16 corners."""
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def box(x: float, y: float, half_width: float, half_height: float) -> list[tuple[float, float]]:
    """A rectangle about its middle."""
    return [(x + dx * half_width, y + dy * half_height) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


def around(points: Points, count: int) -> list[tuple[float, float]]:
    """``count`` points along a closed outline."""
    ring = np.asarray([*points, points[0]], float)
    position = np.linspace(0, len(points), count, endpoint=False)
    return [tuple(np.array([np.interp(p, np.arange(len(ring)), ring[:, axis]) for axis in (0, 1)])) for p in position]


def mix(first: Sequence[float], second: Sequence[float], share: float) -> Color:
    """``share`` (0 to 1) of the way from one colour to another."""
    a, b, c = (int(round(x + (y - x) * share)) for x, y in zip(first, second))
    return a, b, c


def shift(color: Sequence[int], by: np.ndarray) -> Color:
    """A colour moved by ``by`` levels a channel."""
    a, b, c = (int(np.clip(x + d, 0, 255)) for x, d in zip(color, by))
    return a, b, c
