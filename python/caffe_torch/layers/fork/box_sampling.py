"""Windows of an image that hold its boxes in a wanted way: SSD's batch samplers, and boxes seen through a window."""

from __future__ import annotations

from typing import Any

import numpy as np

#: The whole image.
WHOLE = np.array([0.0, 0.0, 1.0, 1.0])


def areas(boxes: np.ndarray) -> np.ndarray:
    """0 for a box turned inside out."""
    return np.clip(boxes[..., 2] - boxes[..., 0], 0, None) * np.clip(boxes[..., 3] - boxes[..., 1], 0, None)


def shared(window: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The area that each box shares with the window."""
    low, high = np.maximum(window[:2], boxes[:, :2]), np.minimum(window[2:], boxes[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=1)


def satisfies(window: np.ndarray, boxes: np.ndarray, constraint: Any) -> bool:
    """Whether one box at least has what a SampleConstraint asks for; True where it asks for nothing."""
    common = shared(window, boxes)
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = {
            "jaccard_overlap": common / (areas(window) + areas(boxes) - common),
            "sample_coverage": common / areas(window),
            "object_coverage": common / areas(boxes),
        }
    asked = False
    good = np.ones(len(boxes), bool)
    for name, values in measures.items():
        for edge, fits in (("min", np.greater_equal), ("max", np.less_equal)):
            if constraint.HasField(f"{edge}_{name}"):
                asked = True
                good &= fits(values, getattr(constraint, f"{edge}_{name}"))
    return bool(good.any()) if asked else True


def sample(samplers: Any, boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A window drawn from all those that the samplers found, None where they found none."""
    windows = []
    for sampler in samplers:
        if not sampler.use_original_image:
            continue
        count = 0
        for _ in range(sampler.max_trials):
            if sampler.HasField("max_sample") and count >= sampler.max_sample:
                break
            window = _window(sampler.sampler, rng)
            if satisfies(window, boxes, sampler.sample_constraint):
                windows.append(window)
                count += 1
    return windows[int(rng.integers(len(windows)))] if windows else None


def _window(sampler: Any, rng: np.random.Generator) -> np.ndarray:
    scale = rng.uniform(sampler.min_scale, sampler.max_scale)
    # Narrower or wider ones would not fit into the image.
    low = max(sampler.min_aspect_ratio, scale**2)
    high = min(sampler.max_aspect_ratio, 1 / scale**2)
    ratio = rng.uniform(min(low, high), max(low, high))
    wide, high = scale * np.sqrt(ratio), scale / np.sqrt(ratio)
    left, top = rng.uniform(0, max(1 - wide, 0)), rng.uniform(0, max(1 - high, 0))
    return np.array([left, top, left + wide, top + high])


def seen_through(window: np.ndarray, boxes: np.ndarray, constraint: Any | None) -> tuple[np.ndarray, np.ndarray]:
    """(which boxes count in the window, all boxes in its units, cut at its edges).

    ``constraint``, an EmitConstraint, drops those whose centre lies outside, or of which too little is inside.
    """
    size = np.tile(window[2:] - window[:2], 2)
    moved = np.clip((boxes - np.tile(window[:2], 2)) / size, 0, 1)
    counts = (shared(window, boxes) > 0) & (areas(moved) > 0)
    if constraint is not None and constraint.emit_type == constraint.CENTER:
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        counts &= ((centre >= window[:2]) & (centre <= window[2:])).all(axis=1)
    elif constraint is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            counts &= shared(window, boxes) / areas(boxes) > constraint.emit_overlap
    return counts, moved
