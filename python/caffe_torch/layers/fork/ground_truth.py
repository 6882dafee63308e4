"""The boxes that AnnotatedData gives as labels: rows of image, label, instance, corners, difficult."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

#: Numbers up to this one are exact in a blob's float32.
MOST_IMAGES = 1 << 24


class Truth(NamedTuple):
    """The boxes of one image: ``labels`` (g,), ``boxes`` (g, 4), ``difficult`` (g,) bool."""

    labels: Tensor
    boxes: Tensor
    difficult: Tensor


def by_image(rows: Tensor, background: int = -1, keep_difficult: bool = True) -> dict[int, Truth]:
    """The true boxes of each image that has any; a row whose image is -1 stands for none."""
    truths = {}
    wanted = rows[rows[:, 0] >= 0]
    if not keep_difficult:
        wanted = wanted[wanted[:, 7] == 0]
    if bool((wanted[:, 1] == background).any()):
        raise ValueError(f"a box has label {background}, the background's")
    for image in wanted[:, 0].unique().tolist():
        if image > MOST_IMAGES:
            raise ValueError(f"a true box is of image {image:g}, which is no image's number")
        own = wanted[wanted[:, 0] == image]
        truths[int(image)] = Truth(own[:, 1].long(), own[:, 3:7], own[:, 7] != 0)
    return truths
