"""Boxes of SSD: normalised corners (xmin, ymin, xmax, ymax), their overlaps, codes relative to priors, suppression."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from caffe_torch.proto import caffe_pb2

_CODES = caffe_pb2.PriorBoxParameter


def sizes(boxes: Tensor) -> Tensor:
    """Areas; 0 for a box turned inside out."""
    wide, high = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return torch.where((wide < 0) | (high < 0), torch.zeros_like(wide), wide * high)


def intersections(first: Tensor, second: Tensor) -> Tensor:
    """Areas shared by every box of ``first`` (a, 4) and of ``second`` (b, 4): (a, b)."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    apart = (first[:, None, :2] > second[None, :, 2:]) | (first[:, None, 2:] < second[None, :, :2])
    area = (high - low).clamp(min=0).prod(dim=2)
    return torch.where(apart.any(dim=2), torch.zeros_like(area), area)


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Jaccard overlaps: shared area by joint area, (a, b); 0 where nothing is shared."""
    shared = intersections(first, second)
    joint = sizes(first)[:, None] + sizes(second)[None, :] - shared
    return torch.where(shared > 0, shared / joint, torch.zeros_like(shared))


def _centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def decode(codes: Tensor, priors: Tensor, variances: Tensor, code_type: int, encoded: bool) -> Tensor:
    """Boxes (..., 4) from their codes; ``encoded`` says that the codes hold the variances already."""
    if not encoded:
        codes = codes * variances
    if code_type == _CODES.CORNER:
        return priors + codes
    centre, size = _centres(priors)
    if code_type == _CODES.CORNER_SIZE:
        return priors + codes * torch.cat([size, size], dim=-1)
    centre = codes[..., :2] * size + centre
    half = torch.exp(codes[..., 2:]) * size / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def encode(boxes: Tensor, priors: Tensor, variances: Tensor, code_type: int, encoded: bool) -> Tensor:
    """Codes of boxes: what ``decode`` takes back."""
    centre, size = _centres(priors)
    if code_type == _CODES.CORNER:
        codes = boxes - priors
    elif code_type == _CODES.CORNER_SIZE:
        codes = (boxes - priors) / torch.cat([size, size], dim=-1)
    else:
        own_centre, own_size = _centres(boxes)
        codes = torch.cat([(own_centre - centre) / size, torch.log(own_size / size)], dim=-1)
    return codes if encoded else codes / variances


#: Boxes that are no numbers or endless are compared, which gives the answer wanted; NumPy need not warn.
@np.errstate(invalid="ignore", divide="ignore", over="ignore")
def suppress(
    boxes: np.ndarray, scores: np.ndarray, least: float, threshold: float, eta: float, top_k: int
) -> list[int]:
    """Indices of the boxes that remain, best first: each overlaps every better one by at most ``threshold``.

    Only scores above ``least`` count, of these the ``top_k`` best (all if below 0). After each box that is kept the
    threshold shrinks by ``eta`` while it is above 0.5.
    """
    candidates = np.flatnonzero(scores > least)
    order = candidates[np.argsort(-scores[candidates], kind="stable")]
    if top_k > -1:
        order = order[:top_k]
    area = np.where((boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1]), 0,
                    (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))  # fmt: skip
    kept: list[int] = []
    for index in order:
        if kept:
            others = boxes[kept]
            low, high = np.maximum(others[:, :2], boxes[index, :2]), np.minimum(others[:, 2:], boxes[index, 2:])
            shared = np.clip(high - low, 0, None).prod(axis=1)
            overlap = np.where(shared == 0, 0, shared / (area[kept] + area[index] - shared))
            if not (overlap <= threshold).all():
                continue
        kept.append(int(index))
        if eta < 1 and threshold > 0.5:
            threshold *= eta
    return kept
