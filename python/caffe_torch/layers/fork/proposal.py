"""Proposal of Faster R-CNN: regions worth a look, from the scores and codes of anchors."""

from __future__ import annotations

import math

import numpy as np
import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register


def anchors(base: int, ratios: list[float], scales: list[float]) -> np.ndarray:
    """Corners in pixels, (ratios x scales, 4): the base box turned to each ratio (rounded), then enlarged."""
    centre, corners = (base - 1) / 2, []
    for ratio in ratios:
        wide = round(math.sqrt(base * base / ratio))
        high = round(wide * ratio)
        for scale in scales:
            half = ((wide * scale - 1) / 2, (high * scale - 1) / 2)
            corners.append([centre - half[0], centre - half[1], centre + half[0], centre + half[1]])
    return np.array(corners)


def suppress(boxes: np.ndarray, threshold: float, most: int) -> list[int]:
    """Of boxes in pixels, best first, those that overlap no better one by more than ``threshold``, ``most`` at most."""
    area = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        low, high = np.maximum(boxes[best, :2], boxes[left, :2]), np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.clip(high - low + 1, 0, None).prod(axis=1)
        left = left[shared / (area[best] + area[left] - shared) <= threshold]
    return kept


@register("Proposal")
class Proposal(Layer):
    """Bottoms: scores (n, 2 x anchors, h, w), background first, codes (n, 4 x anchors, h, w), im_info (height, width,
    scale of the image). Tops: regions (R, 5: image, x1, y1, x2, y2) and, maybe, their scores.
    """

    bottoms = (3, 3)
    tops = (1, 2)
    no_gradient = (0, 1, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.proposal_param
        numbers = [*param.ratio, *param.scale]
        if not all(0 < number < math.inf for number in numbers):
            raise self.fail(f"ratios and scales must be above 0 and finite, found {numbers}")
        # Without ratios and scales those of py-faster-rcnn.
        self.anchors = anchors(param.base_size, list(param.ratio) or [0.5, 1, 2], list(param.scale) or [8, 16, 32])
        if param.feat_stride < 1 or param.post_nms_topn < 1:
            raise self.fail("feat_stride and post_nms_topn must be 1 or more")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        count, shape = len(self.anchors), bottom[0].shape
        if len(shape) != 4 or shape[1] != 2 * count or bottom[1].shape != (shape[0], 4 * count, *shape[2:]):
            raise self.fail(
                f"{count} anchors need {2 * count} scores and {4 * count} codes a position, found shapes {shape} and "
                f"{bottom[1].shape}"
            )
        if bottom[2].count < 3:
            raise self.fail(f"needs im_info of height, width and scale, found shape {bottom[2].shape}")
        top[0].adopt_shape((1, 5))
        if len(top) > 1:
            top[1].adopt_shape((1, 1))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        device = bottom[0].tensor().device
        scores, codes = (blob.tensor().data.cpu().numpy() for blob in bottom[:2])
        info = bottom[2].tensor().data.reshape(-1).cpu().numpy()
        regions, values = [], []
        for image in range(len(scores)):
            own = info[3 * image : 3 * image + 3] if len(info) >= 3 * len(scores) else info[:3]
            boxes, score = self._propose(scores[image], codes[image], own)
            regions.append(np.concatenate([np.full((len(boxes), 1), image), boxes], axis=1))
            values.append(score)
        rows = torch.from_numpy(np.concatenate(regions).astype(np.float32))
        top[0].adopt_shape(tuple(rows.shape))
        top[0].assign(rows.to(device))
        if len(top) > 1:
            top[1].adopt_shape((len(rows), 1))
            top[1].assign(torch.from_numpy(np.concatenate(values).astype(np.float32))[:, None].to(device))

    def _propose(self, scores: np.ndarray, codes: np.ndarray, info: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        param, count = self.param.proposal_param, len(self.anchors)
        _, high, wide = scores.shape
        y, x = np.mgrid[:high, :wide] * param.feat_stride
        shift = np.stack([x, y, x, y], axis=-1)[:, :, None]
        boxes = (shift + self.anchors).reshape(-1, 4)
        code = codes.reshape(count, 4, high, wide).transpose(2, 3, 0, 1).reshape(-1, 4).astype(np.float64)
        score = scores[count:].transpose(1, 2, 0).reshape(-1)
        size = boxes[:, 2:] - boxes[:, :2] + 1
        centre = boxes[:, :2] + size / 2 + code[:, :2] * size
        half = np.exp(np.minimum(code[:, 2:], 50)) * size / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        limits = np.array([info[1] - 1, info[0] - 1] * 2)
        boxes = np.clip(boxes, 0, limits)
        # NaN codes and scores are no proposal.
        good = np.isfinite(boxes).all(axis=1) & np.isfinite(score)
        good &= (boxes[:, 2:] - boxes[:, :2] + 1 >= param.min_size * info[2]).all(axis=1)
        boxes, score = boxes[good], score[good]
        order = np.argsort(-score, kind="stable")[: param.pre_nms_topn]
        kept = order[suppress(boxes[order], param.nms_thresh, param.post_nms_topn)]
        return boxes[kept], score[kept]

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """A choice has no gradient."""
        self.pass_zeros(propagate_down, bottom)
