"""Which prior answers for which true box, and which priors count as background: SSD's matching and mining."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from caffe_torch.layers.fork import boxes

#: Overlaps up to this count as none.
_LEAST = 1e-6
#: What is smaller than this share of the image is left out where boxes are suppressed before the mining.
_SMALLEST = 1e-5
#: A prior that takes no part (it crosses the image's edge), and one without a true box.
IGNORED, UNMATCHED = -2, -1


def match(truth: Tensor, priors: Tensor, threshold: float, each_prior: bool, inside: bool) -> tuple[Tensor, Tensor]:
    """(index of the true box of each prior, UNMATCHED or IGNORED; its largest overlap with any).

    Every true box takes the free prior that overlaps it most, the largest overlap first; then, with ``each_prior``,
    each prior left takes the box that it overlaps most, by at least ``threshold``. With ``inside``, priors that cross
    the image's edge are ignored.
    """
    matched = torch.full((len(priors),), UNMATCHED, dtype=torch.int64, device=priors.device)
    crossing = (priors.amin(dim=1) < 0) | (priors.amax(dim=1) > 1)
    if inside:
        matched[crossing] = IGNORED
    if not len(truth):
        return matched, priors.new_zeros(len(priors))
    overlap = boxes.overlaps(priors, truth)
    overlap = torch.where((overlap > _LEAST) & (matched == UNMATCHED)[:, None], overlap, torch.zeros_like(overlap))
    best, index = overlap.max(dim=1)
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
        matched = torch.where((matched == UNMATCHED) & (best >= threshold) & (best > 0), index, matched)
    return matched, best


def mine(losses: Tensor, eligible: Tensor, count: int, located: Tensor, nms: Any) -> Tensor:
    """The ``count`` eligible priors with the largest losses, as a bool for every prior.

    With a suppression among the ``located`` boxes first, where ``nms`` (a NonMaximumSuppressionParameter) is given.
    """
    index = eligible.nonzero()[:, 0]
    if nms is not None and nms.nms_threshold > 0:
        index = index[boxes.sizes(located[index]) >= _SMALLEST]
        order = boxes.suppress(
            located[index].detach().cpu().numpy(), losses[index].cpu().numpy(), -np.inf, nms.nms_threshold, 1,
            nms.top_k if nms.HasField("top_k") else -1,
        )  # fmt: skip
    else:
        order = torch.argsort(losses[index], descending=True, stable=True).tolist()
    chosen = torch.zeros_like(eligible)
    chosen[index[torch.as_tensor(order[:count], dtype=torch.int64).to(index.device)]] = True
    return chosen
