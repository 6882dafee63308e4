"""Layers of forks that OpenCV 4 lacks or knows in part: a net each, its inputs, and what its definition gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import fork_definitions as defined
import fork_losses as losses
import numpy as np
from fork_cases import ForkCase, case_of, normal

from caffe_torch.files.prototxt import parse
from caffe_torch.proto import caffe_pb2

#: Arrays of a layer's parameters in, its first tops out.
Expected = Callable[[Sequence[np.ndarray]], Any]


class Defined(NamedTuple):
    """A case and its judge; ``train`` runs the net in the TRAIN phase."""

    case: ForkCase
    expected: Expected
    train: bool = False


X = normal(2, 4, 6, 7)
MEAN, VARIANCE = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))


def _values() -> list[Defined]:
    """Layers on values, axes and places."""

    def interpolation(crop: tuple[int, int], size: tuple[int, int]) -> Expected:
        return lambda _: defined.interpolated(X[:, :, crop[0] : 6 - crop[1], crop[0] : 7 - crop[1]], *size)

    cases = [
        Defined(case_of("Interp", f"interp_param {{ {settings} }}", X, case=name),
                interpolation(crop, size))
        for name, settings, crop, size in (
            ("zoom", "zoom_factor: 8", (0, 0), (41, 49)), ("shrink", "shrink_factor: 2", (0, 0), (3, 4)),
            ("pads", "shrink_factor: 3 zoom_factor: 2 pad_beg: -1 pad_end: -1", (1, 1), (3, 3)),
            ("row", "height: 1 width: 20 pad_end: -2", (0, 2), (1, 20)))
    ]  # fmt: skip
    places = np.sort(np.random.default_rng(2).permuted(np.tile(np.arange(20), (2, 3, 1)), axis=2)[..., :6], axis=2)
    pooled = normal(2, 3, 2, 3)
    filled = "kernel_size: 3 stride: 2 num_output"
    weights = {"DepthwiseConvolution": 4, "ConvolutionDepthwise": 8}
    a, y = normal(2, 4, 1, 1, seed=1), normal(2, 4, 6, 7, seed=2)
    return cases + [
        Defined(case_of("Interp", "", X, normal(1, 1, 3, 5), case="second"), lambda _: defined.interpolated(X, 3, 5)),
        Defined(case_of("Upsample", "upsample_param { upsample_h: 4 upsample_w: 5 }", pooled,
                    places.reshape(2, 3, 2, 3).astype(np.float32), case="mask"),
                lambda _: defined.unpooled(pooled, places, (4, 5))),
        Defined(case_of("Upsample", "upsample_param { scale: 2 }", X, case="scale"),
                lambda _: np.kron(X, np.ones((2, 2)))),
        Defined(case_of("Flip", "flip_param { flip_height: true }", X, case="both"), lambda _: X[:, :, ::-1, ::-1]),
        Defined(case_of("Axpy", "", a, X, y, case="senet"), lambda _: a * X + y),
        Defined(case_of("Normalize", 'normalize_param { normalize_type: "L1" }', X, case="l1"),
                lambda _: X / (np.abs(X).sum(axis=1, keepdims=True) + 1e-6)),
        Defined(case_of("Normalize", "", X, case="l2"),
                lambda _: X / np.sqrt(np.square(X).sum(axis=1, keepdims=True) + 1e-6)),
        Defined(case_of("Convolution", "convolution_param { kernel_size: 3 num_output: 3 hole: 2 }", X, case="hole"),
                lambda w: defined.convolved(X, w[0], w[1], 1, 2)),
        *(Defined(case_of(name, f"convolution_param {{ {filled}: {n} }}", X, case=str(n)),
                  lambda w: defined.convolved(X, w[0], w[1], 2, 1)) for name, n in weights.items()),
        Defined(case_of("BN", "bn_param { frozen: true eps: 0.01 }", X, case="pspnet_frozen"),
                lambda w: defined.normalised(
                    X, w[2].reshape(-1), w[3].reshape(-1), w[0].reshape(-1), w[1].reshape(-1), 0.01)),
        Defined(case_of("BN", "bn_param { eps: 0.01 momentum: 0.9 }", X, case="pspnet_train"),
                lambda w: defined.normalised(X, MEAN, VARIANCE, w[0].reshape(-1), w[1].reshape(-1), 0.01), True),
        Defined(case_of("BN", "bn_param { scale_filler { value: 1 } }", X, case="segnet"),
                lambda w: defined.normalised(X, MEAN, VARIANCE, w[0].reshape(-1), w[1].reshape(-1), 1e-9)),
        Defined(case_of("BN", "bn_param { bn_mode: INFERENCE }", X, case="segnet_inference"),
                lambda w: defined.normalised(X, [0] * 4, [1] * 4, w[0].reshape(-1), w[1].reshape(-1), 0)),
    ]  # fmt: skip


#: Inside, half outside, one pixel, turned inside out, outside.
ROIS = np.array(
    [[0, 0, 0, 11, 9], [1, 4, 2, 30, 30], [0, 5, 5, 5, 5], [1, 9, 8, 3, 2], [0, 60, 60, 90, 90]], np.float32
)


def _regions() -> list[Defined]:
    x, grouped = normal(2, 3, 5, 6), normal(2, 8, 5, 6)
    scores = np.random.default_rng(4).uniform(size=(1, 18, 4, 5)).astype(np.float32)
    codes, info = normal(1, 36, 4, 5, seed=5, scale=0.3), np.array([[64, 80, 1.5]], np.float32)
    settings = ("feat_stride: 16 base_size: 16 ratio: [0.5, 1, 2] scale: [1, 2, 4] min_size: 12 pre_nms_topn: 90 "
                "post_nms_topn: 20 nms_thresh: 0.6")  # fmt: skip
    param = parse(settings, caffe_pb2.ProposalParameter())
    yolo = normal(2, 16, 3, 4)
    v2 = "num_classes: 3 num_box: 2 biases: [1, 2, 1.5, 0.5] confidence_threshold: 0.2 nms_threshold: 0.4"
    fine = normal(2, 16, 4, 6, seed=1)
    v3 = (
        "num_classes: 3 num_box: 2 biases: [10, 13, 16, 30, 33, 23, 30, 61] mask: [2, 3, 0, 1] anchors_scale: [32, 16] "
        "mask_group_num: 2 confidence_threshold: 0.2 nms_threshold: 0.5"
    )
    both = defined.yolo_boxes(yolo, [(33, 23), (30, 61)], 3, 0.2, 32)
    both += defined.yolo_boxes(fine, [(10, 13), (16, 30)], 3, 0.2, 16)
    v2_param = parse(v2, caffe_pb2.YoloDetectionOutputParameter())
    return [
        Defined(case_of("ROIPooling", "roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.5 }", x, ROIS,
                    case="edges"), lambda _: defined.roi_pooling(x, ROIS, (2, 3), 0.5)),
        Defined(case_of("PSROIPooling", "psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 0.5 }",
                    grouped, ROIS, case="edges"), lambda _: defined.psroi_pooling(grouped, ROIS, 2, 2, 0.5)),
        Defined(case_of("Proposal", f"proposal_param {{ {settings} }}", scores, codes, info, case="least_size"),
                lambda _: defined.proposals(scores, codes, info, param)),
        Defined(case_of("YoloDetectionOutput", f"yolo_detection_output_param {{ {v2} }}", yolo, case="v2"),
                lambda _: defined.yolo_v2_boxes(yolo, v2_param)),
        Defined(case_of("Yolov3DetectionOutput", f"yolov3_detection_output_param {{ {v3} }}", yolo, fine, case="v3"),
                lambda _: defined.suppressed(both, 0.5)),
        Defined(case_of("DetectionOutput", "detection_output_param { num_classes: 2 code_type: CORNER keep_top_k: -1 "
                    "confidence_threshold: 0.05 nms_param { nms_threshold: 0.9 eta: 0.8 } }", *_crowd(), case="eta"),
                lambda _: defined.crowd_boxes(*_crowd(), 0.05, 0.9, 0.8)),
    ]  # fmt: skip


def _crowd() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, scores and priors of 40 boxes close to each other."""
    rng = np.random.default_rng(6)
    low = rng.uniform(0, 0.2, (40, 2))
    corners = np.concatenate([low, low + rng.uniform(0.4, 0.6, (40, 2))], axis=1)
    prior = np.stack([corners.reshape(-1), np.full(160, 0.1)])[None].astype(np.float32)
    score = rng.uniform(size=40)
    return normal(1, 160, seed=7, scale=0.2), np.stack([1 - score, score], 1).reshape(1, 80).astype(np.float32), prior


def _losses() -> list[Defined]:
    a, b = normal(4, 8, 1, 1), normal(4, 8, 1, 1, seed=1)
    inner, outer = np.full_like(a, 0.5), np.full_like(a, 3)
    scores, labels = normal(2, 3, 2, 2), np.array([0, 1, 2, 1, 1, 0, 11, 2], np.float32).reshape(2, 1, 2, 2)
    weights = "weight_by_label_freqs: true class_weighting: 0.5 class_weighting: 2 class_weighting: 1"
    fixed = "loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 8 ignore_label: 11 }"
    x, faces = normal(6, 3), np.array([0, 1, 2, 0, 1, 2], np.float32)

    def centres(w: Sequence[np.ndarray]) -> float:
        return float(np.square(x - w[0][faces.astype(int)]).sum() / 12)

    def margin_product(m: int) -> Expected:
        return lambda w: losses.margin_product(x, faces, w[0] / np.linalg.norm(w[0], axis=1)[:, None], m, 1.0)

    return [
        Defined(case_of("SmoothL1Loss", "", a, b, case="plain"), lambda _: losses.smooth(a - b).sum() / 4),
        Defined(case_of("SmoothL1Loss", "smooth_l1_loss_param { sigma: 3 }", a, b, inner, outer, case="weighted"),
                lambda _: (3 * losses.smooth(0.5 * (a - b), 3)).sum() / 4),
        Defined(case_of("SmoothL1LossOHEM", fixed, a, b, case="fixed"), lambda _: losses.smooth(a - b).sum() / 8),
        Defined(case_of("SoftmaxWithLossOHEM", fixed, scores, labels, case="fixed"),
                lambda _: losses.label_losses(scores, labels, 11).sum() / 8),
        Defined(case_of("SoftmaxWithLoss", f"loss_param {{ ignore_label: 11 {weights} }}", scores, labels,
                    case="classes"),
                lambda _: losses.label_losses(scores, labels, 11, [0.5, 2, 1]).sum() / 7),
        Defined(case_of("CenterLoss", "center_loss_param { num_output: 3 }", x, faces, case="faces"), centres),
        *(Defined(case_of("MarginInnerProduct", "margin_inner_product_param { num_output: 3 base: 2 gamma: 1 power: 1 "
                      f"lambda_min: 0.1 type: {kind} }}", x, faces, case=kind.lower()),
                  margin_product(m))
          for m, kind in enumerate(("SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE"), 1)),
    ]  # fmt: skip


def _multibox() -> list[Defined]:
    rng = np.random.default_rng(0)
    low = rng.uniform(-0.1, 0.7, (12, 2))
    corners = np.concatenate([low, low + rng.uniform(0.2, 0.4, (12, 2))], axis=1)
    variances = np.tile([0.1, 0.1, 0.2, 0.2], (12, 1))
    prior = np.stack([corners.reshape(-1), variances.reshape(-1)])[None].astype(np.float32)
    truth = np.array([[0, 1, 0, *(corners[2] + 0.02), 0], [0, 2, 0, *(corners[5] - 0.03), 0],
                      [0, 2, 0, *(corners[6] + 0.05), 0], [2, 2, 0, *(corners[7] + 0.01), 1]], np.float32)  # fmt: skip
    settings = {
        "ssd": "",
        "logistic": "conf_loss_type: LOGISTIC",
        "own_boxes": "use_prior_for_matching: false loc_weight: 1",
        "bipartite": "match_type: BIPARTITE mining_type: HARD_EXAMPLE sample_size: 6",
        "hardest": "mining_type: HARD_EXAMPLE sample_size: 6 loc_loss_type: L2",
        "mined_apart": "nms_param { nms_threshold: 0.3 top_k: 9 } use_prior_for_nms: true neg_overlap: 0.9",
        "whole_priors": "ignore_cross_boundary_bbox: true overlap_threshold: 0.2",
        "inside": "bp_inside: true overlap_threshold: 0.2",
        "encoded": "encode_variance_in_target: true overlap_threshold: 0.2",
        "not_mined": "mining_type: NONE conf_loss_type: LOGISTIC",
        "a_class_each": "mining_type: NONE share_location: false overlap_threshold: 0.2",
        "a_class_each_own": "mining_type: NONE share_location: false use_prior_for_matching: false",
        "a_class_each_logistic": "mining_type: NONE share_location: false use_prior_for_matching: false "
        "conf_loss_type: LOGISTIC bp_inside: true",
    }

    def loss(codes: np.ndarray, scores: np.ndarray, param: Any) -> Expected:
        return lambda _: losses.multibox(codes, scores, prior, truth, param)

    cases = []
    for name, text in settings.items():
        text = f"num_classes: 3 {text}"
        param = parse(text, caffe_pb2.MultiBoxLossParameter())
        columns = 1 if param.share_location else 3
        codes, scores = normal(3, 12, columns, 4, seed=2, scale=0.3), normal(3, 12, 3, seed=1)
        case = case_of("MultiBoxLoss", f"multibox_loss_param {{ {text} }}", codes.reshape(3, -1), scores.reshape(3, -1),
                   prior, truth.reshape(1, 1, -1, 8), case=name)  # fmt: skip
        cases.append(Defined(case, loss(codes, scores, param)))
    return cases


DEFINED = [*_values(), *_regions(), *_losses(), *_multibox()]
