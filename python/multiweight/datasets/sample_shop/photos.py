"""Takes a photo of a drawn garment: pose, background, shadow, light and noise."""

from __future__ import annotations

import cv2
import numpy as np

from multiweight.datasets.sample_shop.shapes import CANVAS


def photo(
    garment: np.ndarray, mask: np.ndarray, size: int, rng: np.random.RandomState, grain: np.ndarray
) -> np.ndarray:
    """One photo, uint8 (size, size, 3) BGR.

    ``garment`` and ``mask`` as :func:`sample_garments.draw` gives them; ``grain`` is int16 (2 * size, 2 * size, 3),
    of which a random window becomes the sensor's noise.
    """
    scale = size / CANVAS * rng.uniform(0.82, 1.06)
    angle = np.deg2rad(rng.normal(0, 5))
    shear = rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pose = scale * turn @ np.array([[rng.uniform(0.93, 1.05), shear], [0, 1]])
    center = np.full(2, size / 2) + rng.uniform(-0.045, 0.045, 2) * size
    _, top, _, height = cv2.boundingRect(mask)
    move = np.hstack([pose, (center - pose @ np.array([CANVAS / 2, top + height / 2]))[:, None]])
    front = cv2.warpAffine(garment, move, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(mask, move, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32)[:, :, None] / 255

    back = background(size, rng)
    small = cv2.GaussianBlur(cv2.resize(alpha, (size // 4, size // 4), interpolation=cv2.INTER_AREA), (0, 0), size / 60)
    shadow = cv2.resize(np.roll(small, rng.randint(1, 3, 2), (0, 1)), (size, size))[:, :, None]
    back *= 1 - rng.uniform(0.15, 0.4) * shadow
    picture = back + (front - back) * alpha

    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    tilt = rng.uniform(-0.2, 0.2, 2).astype(np.float32)
    light = np.float32(rng.uniform(0.86, 1.1)) + tilt[0] * ramp[:, None] + tilt[1] * ramp[None, :]
    warmth = 1 + np.array([-1, 0, 1], np.float32) * np.float32(rng.normal(0, 0.025))
    y, x = rng.randint(0, size, 2)
    picture = picture * light[:, :, None] * warmth + grain[y : y + size, x : x + size]
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def background(size: int, rng: np.random.RandomState) -> np.ndarray:
    """A studio's white, a coloured wall, a wall above a floor, or boards: float32 (size, size, 3)."""
    kind = rng.random_sample()
    back = np.empty((size, size, 3), np.float32)
    if kind < 0.4:
        back[:] = rng.uniform(228, 252)
        return back
    tone = np.float32(rng.uniform(120, 225))
    back[:] = tone + rng.uniform(-28, 28, 3).astype(np.float32)
    if kind < 0.6:
        return back
    if kind < 0.85:
        edge = int(size * rng.uniform(0.68, 0.88))
        back[edge:] = back[edge:] * np.float32(rng.uniform(0.55, 0.8))
        return back
    boards = np.repeat(rng.uniform(0.86, 1.06, 12), size // 12 + 1)[:size].astype(np.float32)
    return back * (boards[:, None, None] if rng.random_sample() < 0.5 else boards[None, :, None])


def grain(size: int, rng: np.random.RandomState) -> np.ndarray:
    """Noise of about 3 levels for :func:`photo`."""
    return np.round(rng.normal(0, 3, (2 * size, 2 * size, 3))).astype(np.int16)
