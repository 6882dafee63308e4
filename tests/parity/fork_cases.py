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


def case_of(kind: str, settings: str, *inputs: np.ndarray, case: str = "") -> ForkCase:
    """A case of a single layer."""
    names = "abcdefgh"[: len(inputs)]
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    text = f'layer {{ name: "it" type: "{kind}" {bottoms} top: "it" {settings} }}'
    return ForkCase(kind, f"{kind.lower()}_{case or len(inputs)}", text, inputs)


def _cases() -> list[ForkCase]:
    x = normal(2, 8, 6, 10)
    return [
        case_of("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", x, case="ssd"),
        case_of("Permute", "permute_param { order: 0 order: 3 order: 1 order: 2 }", x, case="back"),
        case_of("Normalize", "norm_param { across_spatial: false channel_shared: false }", x, case="conv4_3"),
        case_of("ShuffleChannel", "shuffle_channel_param { group: 4 }", x, case="four"),
        case_of("ShuffleChannel", "shuffle_channel_param { group: 2 }", x, case="two"),
        case_of("ReLU6", "", 5 * x, case="plain"),
        case_of("Reorg", "reorg_param { stride: 2 }", x, case="two"),
        case_of("Interp", "interp_param { height: 11 width: 7 }", x, case="size"),
        case_of("Interp", "interp_param { zoom_factor: 3 }", x, case="zoom"),
        case_of("ROIPooling", "roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.0625 }",
            normal(1, 8, 12, 12), boxes(9, 180), case="fast"),
        case_of("PSROIPooling", "psroi_pooling_param { output_dim: 2 group_size: 3 spatial_scale: 0.0625 }",
            normal(1, 18, 12, 12), boxes(9, 180), case="rfcn"),
        case_of("Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 ceil_mode: false }", x, case="floor"),
        case_of("Dropout", "dropout_param { dropout_ratio: 0.4 scale_train: false }", x, case="unscaled"),
    ]  # fmt: skip


def _prior_boxes() -> list[ForkCase]:
    feature, image = normal(1, 4, 5, 7), normal(1, 3, 60, 84)
    sizes = "min_size: 10 max_size: 25 aspect_ratio: 2 aspect_ratio: 3"
    settings = {
        "ssd": f"{sizes} flip: true clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 step: 12",
        "clipped": f"{sizes} clip: true flip: false variance: 0.1 offset: 0.3",
        "no_max": "min_size: 20 aspect_ratio: 2 aspect_ratio: 0.5 flip: true clip: false step_h: 10 step_w: 14 "
        "variance: 0.1",
        "two": "min_size: 8 min_size: 16 max_size: 12 max_size: 30 aspect_ratio: 2 clip: false variance: 0.2",
    }
    return [
        case_of("PriorBox", f"prior_box_param {{ {text} }}", feature, image, case=name)
        for name, text in settings.items()
    ]


def _detections() -> list[ForkCase]:
    """Twelve priors over an image, three classes, two images."""
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 0.6, (12, 2))
    priors = np.concatenate([low, low + rng.uniform(0.2, 0.4, (12, 2))], axis=1)
    variances = np.tile([0.1, 0.1, 0.2, 0.2], (12, 1))
    prior = np.stack([priors.reshape(-1), variances.reshape(-1)])[None].astype(np.float32)
    scores = rng.dirichlet(np.ones(3), (2, 12)).reshape(2, 36).astype(np.float32)
    nms = "nms_param { nms_threshold: 0.45 top_k: 10 }"
    common = f"num_classes: 3 background_label_id: 0 {nms} keep_top_k: 8 confidence_threshold: 0.1"
    shared = f"{common} share_location: true"  # OpenCV wants it said
    settings = {
        "ssd": (1, f"{shared} code_type: CENTER_SIZE"),
        "corner": (1, f"{shared} code_type: CORNER"),
        "a_class_each": (3, f"{common} code_type: CENTER_SIZE share_location: false"),
        "few": (1, f"{shared} code_type: CENTER_SIZE".replace("keep_top_k: 8", "keep_top_k: 2")),
        "strict": (1, f"{shared} code_type: CENTER_SIZE".replace("threshold: 0.1", "threshold: 0.6")),
    }
    return [
        case_of("DetectionOutput", f"detection_output_param {{ {text} }}", normal(2, 48 * classes, seed=5, scale=0.5),
            scores, prior, case=name)
        for name, (classes, text) in settings.items()
    ]  # fmt: skip


def _proposals() -> list[ForkCase]:
    """Without a least size, which OpenCV does not know."""
    object_ = np.random.default_rng(0).uniform(0.05, 0.95, (1, 9, 8, 10))
    scores = np.concatenate([1 - object_, object_], axis=1).astype(np.float32)
    common = "feat_stride: 16 base_size: 16 ratio: [0.5, 1, 2] scale: [1, 2, 4] min_size: 0 post_nms_topn: 60"
    settings = {"many": common, "few": f"{common} pre_nms_topn: 100", "apart": f"{common} nms_thresh: 0.2"}
    return [
        case_of("Proposal", f"proposal_param {{ {text} }}", scores, normal(1, 36, 8, 10, seed=1, scale=0.2),
            np.array([[128, 160, 1]], np.float32), case=name)
        for name, text in settings.items()
    ]  # fmt: skip


CASES = [*_cases(), *_prior_boxes(), *_detections(), *_proposals()]
