"""Which prior answers for which true box, and which priors count as background: SSD's matching and mining."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from caffe_torch.layers.fork import boxes

#: Overlaps up to this count as none.
_LEAST = 1e-6


def match(truth: Tensor, priors: Tensor, threshold: float, each_prior: bool) -> tuple[Tensor, Tensor]:
    """(index of the true box of each prior or -1, its largest overlap with any).

    Every true box takes the free prior that overlaps it most, the largest overlap first; then, with ``each_prior``,
    each prior left takes the box that it overlaps most, by at least ``threshold``.
    """
    overlap = boxes.overlaps(priors, truth)
    overlap = torch.where(overlap > _LEAST, overlap, torch.zeros_like(overlap))
    best, index = overlap.max(dim=1)
    matched = torch.full((len(priors),), -1, dtype=torch.int64, device=priors.device)
    left = overlap.clone()
    for _ in range(truth.shape[0]):
        # Of equal overlaps the first prior's counts, of one prior the first box's.
        at = int(left.argmax())
        prior, box = divmod(at, truth.shape[0])
        if not left[prior, box] > 0:
            break
        matched[prior] = box
        left[prior, :] = left[:, box] = 0
    if each_prior:
        matched = torch.where((matched < 0) & (best >= threshold) & (best > 0), index, matched)
    return matched, best


def mine_negatives(losses: Tensor, matched: Tensor, overlap: Tensor, ratio: float, most_overlap: float) -> Tensor:
    """The unmatched priors with the largest losses, ``ratio`` for each matched one, as a bool for every prior."""
    eligible = ((matched < 0) & (overlap < most_overlap)).nonzero()[:, 0]
    count = min(int(int((matched >= 0).sum()) * ratio), len(eligible))
    order = torch.argsort(losses[eligible], descending=True, stable=True)[:count]
    chosen = torch.zeros_like(matched, dtype=torch.bool)
    chosen[eligible[order]] = True
    return chosen


def mine_hardest(losses: Tensor, matched: Tensor, located: Tensor, size: int, nms: Any) -> tuple[Tensor, Tensor]:
    """Of all priors those with the largest losses: (matches, -1 where one is not chosen; the unmatched chosen).

    With a suppression among the ``located`` boxes first, where ``nms`` (a NonMaximumSuppressionParameter) is given.
    """
    if nms is None:
        order = torch.argsort(losses, descending=True, stable=True).tolist()
    else:
        order = boxes.suppress(
            located.detach().cpu().numpy(), losses.cpu().numpy(), -np.inf, nms.nms_threshold, nms.eta,
            nms.top_k if nms.HasField("top_k") else -1,
        )  # fmt: skip
    chosen = torch.zeros_like(matched, dtype=torch.bool)
    chosen[order[:size]] = True
    return torch.where(chosen, matched, torch.full_like(matched, -1)), chosen & (matched < 0)
