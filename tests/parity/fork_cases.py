"""Single layers of forks that OpenCV 4's importer has too: a net each, its inputs, and the weights that are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class ForkCase(NamedTuple):
    """``layers`` follow Inputs of the given arrays, named a, b, c, ...; the last layer's name is its output's."""

    type: str
    name: str
    layers: str
    inputs: Sequence[np.ndarray]


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def boxes(count: int, size: int, seed: int = 0, images: int = 1) -> np.ndarray:
    """Regions (image, x1, y1, x2, y2) inside a square image, in whole pixels."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.integers(0, size, (count, 2, 2)), axis=1).reshape(count, 4)
    return np.concatenate([rng.integers(0, images, (count, 1)), corners], axis=1).astype(np.float32)


def one(kind: str, settings: str, *inputs: np.ndarray, case: str = "") -> ForkCase:
    """A case of a single layer."""
    names = "abcdefgh"[: len(inputs)]
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    text = f'layer {{ name: "it" type: "{kind}" {bottoms} top: "it" {settings} }}'
    return ForkCase(kind, f"{kind.lower()}_{case or len(inputs)}", text, inputs)


def _cases() -> list[ForkCase]:
    x = normal(2, 8, 6, 10)
    return [
        one("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", x, case="ssd"),
        one("Permute", "permute_param { order: 0 order: 3 order: 1 order: 2 }", x, case="back"),
        one("Normalize", "norm_param { across_spatial: false channel_shared: false }", x, case="conv4_3"),
        one("ShuffleChannel", "shuffle_channel_param { group: 4 }", x, case="four"),
        one("ShuffleChannel", "shuffle_channel_param { group: 2 }", x, case="two"),
        one("ReLU6", "", 5 * x, case="plain"),
        one("Reorg", "reorg_param { stride: 2 }", x, case="two"),
        one("Interp", "interp_param { height: 11 width: 7 }", x, case="size"),
        one("Interp", "interp_param { zoom_factor: 3 }", x, case="zoom"),
        one("ROIPooling", "roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.0625 }",
            normal(1, 8, 12, 12), boxes(9, 180), case="fast"),
        one("PSROIPooling", "psroi_pooling_param { output_dim: 2 group_size: 3 spatial_scale: 0.0625 }",
            normal(1, 18, 12, 12), boxes(9, 180), case="rfcn"),
        one("Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 ceil_mode: false }", x, case="floor"),
        one("Dropout", "dropout_param { dropout_ratio: 0.4 scale_train: false }", x, case="unscaled"),
    ]  # fmt: skip


CASES = _cases()
