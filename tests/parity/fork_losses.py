"""Losses of forks from their published definitions, in NumPy and as loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from fork_definitions import iou, kept_boxes


def smooth(d: np.ndarray, sigma: float = 1) -> np.ndarray:
    """Fast R-CNN's smooth L1 of differences."""
    d, square = np.abs(d), sigma * sigma
    return np.where(d < 1 / square, 0.5 * square * d * d, d - 0.5 / square)


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = x.astype(np.float64)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def label_losses(scores: np.ndarray, labels: np.ndarray, ignored: int | None = None, weights: Any = None) -> np.ndarray:
    """-log of the label's probability at every position of (n, classes, ...), 0 where the label is ignored."""
    logs = log_softmax(scores, 1)
    losses = np.zeros(labels.shape)
    for index in np.ndindex(*labels.shape):
        label = int(labels[index])
        if label != ignored:
            place = (index[0], label, *index[2:])
            losses[index] = -logs[place] * (1 if weights is None else weights[label])
    return losses


def margin_product(x: np.ndarray, labels: np.ndarray, weights: np.ndarray, m: int, mixed: float) -> np.ndarray:
    """SphereFace's: the label's own product is |x| psi(angle), mixed with the plain one by ``mixed``."""
    y = (x @ weights.T).astype(np.float64)
    for i, label in enumerate(labels.astype(int)):
        norm = np.linalg.norm(x[i])
        theta = math.acos(np.clip(y[i, label] / norm / np.linalg.norm(weights[label]), -1, 1))
        k = min(int(theta * m / math.pi), m - 1)
        psi = (-1) ** k * math.cos(m * theta) - 2 * k
        y[i, label] = (mixed * y[i, label] + norm * psi) / (1 + mixed)
    return y


def multibox(codes: np.ndarray, scores: np.ndarray, prior: np.ndarray, truth: np.ndarray, param: Any) -> float:
    """SSD's loss with corners as codes: codes (n, priors, columns, 4), scores (n, priors, classes), rows of truth."""
    corners, variances = prior.reshape(2, -1, 4)
    total, matches = 0.0, 0
    for image in range(len(codes)):
        own = truth[truth[:, 0] == image]
        labels: list[list[int]] = [[] for _ in corners]  # the classes of a prior's boxes
        losses = []  # (prior, of its codes)
        for column, boxed, rows in _columns(codes[image], corners, variances, own, param):
            match, overlap = _matched(boxed, own, rows, param)
            if column is None:  # a column a class, by the priors' own matches
                result = [(p, int(own[g, 1]), g) for p, g in enumerate(match) if g >= 0]
            else:
                result = [(p, column, g) for p, g in enumerate(match) if g >= 0]
            for p, code, g in result:
                labels[p].append(int(own[g, 1]))
                losses.append((p, _code_loss(codes[image, p, code], own[g, 3:7], corners[p], variances[p], boxed[p],
                                             param)))  # fmt: skip
        chosen = None
        if param.mining_type != param.NONE:
            chosen = _mined(scores[image], labels, losses, match, overlap, corners, param) if len(own) else ([], [])
            losses = [item for item in losses if item[0] in chosen[0]]
        total += sum(loss.sum() for _, loss in losses)
        matches += len(losses)
        for p in range(len(corners)):
            if chosen is None:
                total += _label_loss(scores[image, p], labels[p], param, False)
            elif p in chosen[0] or p in chosen[1]:
                total += _label_loss(scores[image, p], labels[p] if p in chosen[0] else [], param, True)
    return total / max(matches, 1)


def _columns(codes: np.ndarray, corners: np.ndarray, variances: np.ndarray, own: np.ndarray, param: Any) -> Any:
    """(column of the codes, the boxes that are matched, the true boxes they are matched with)."""
    every = list(range(len(own)))
    if param.use_prior_for_matching:
        yield (0 if param.share_location else None), corners, every
        return
    for c in range(codes.shape[1]):
        factor = 1 if param.encode_variance_in_target else variances
        boxed = corners + codes[:, c] * factor
        if param.share_location:
            yield 0, boxed, every
        elif c != param.background_label_id:
            yield c, boxed, [g for g in every if own[g, 1] == c]


def _matched(boxed: np.ndarray, own: np.ndarray, rows: list[int], param: Any) -> tuple[list[int], list[float]]:
    """The true box of each prior, -1 for none and -2 for a prior across the edge; its largest overlap."""
    match = [-1] * len(boxed)
    if param.ignore_cross_boundary_bbox:
        match = [-2 if box.min() < 0 or box.max() > 1 else -1 for box in boxed]
    overlap = {(p, g): iou(boxed[p], own[g, 3:7]) for p in range(len(boxed)) for g in rows if match[p] == -1}
    overlap = {pair: value for pair, value in overlap.items() if value > 1e-6}
    best = [max((value for (q, _), value in overlap.items() if q == p), default=0.0) for p in range(len(boxed))]
    left = set(rows)
    while left:
        free = [(value, -p, -g) for (p, g), value in overlap.items() if match[p] == -1 and g in left]
        if not free:
            break
        _, p, g = max(free)
        match[-p] = -g
        left.remove(-g)
    if param.match_type == param.PER_PREDICTION:
        for p in range(len(boxed)):
            if match[p] == -1 and best[p] >= param.overlap_threshold and best[p] > 0:
                match[p] = max((value, -g) for (q, g), value in overlap.items() if q == p)[1] * -1
    return match, best


def _code_loss(code: np.ndarray, box: np.ndarray, prior: np.ndarray, variance: np.ndarray, boxed: np.ndarray,
               param: Any) -> np.ndarray:  # fmt: skip
    d = (code - (box - prior)) / variance if param.encode_variance_in_target else code - (box - prior) / variance
    if param.bp_inside:
        d = np.where((boxed < 0) | (boxed > 1), 0, d)
    return d * d / 2 if param.loc_loss_type == param.L2 else smooth(d)


def _label_loss(scores: np.ndarray, labels: list[int], param: Any, mined: bool) -> float:
    """Of one prior; LOGISTIC wants a background's score to be 1 only where it was mined."""
    background = param.background_label_id
    if param.conf_loss_type == param.SOFTMAX:
        return -log_softmax(scores, 0)[labels[-1] if labels else background]
    wanted = set(labels) if labels or not mined else {background}
    return sum(math.log1p(math.exp(-float(s) if c in wanted else float(s))) for c, s in enumerate(scores))


def _mined(
    scores: np.ndarray, labels: list[list[int]], losses: list[tuple[int, np.ndarray]], match: list[int],
    overlap: list[float], corners: np.ndarray, param: Any,
) -> tuple[list[int], list[int]]:  # fmt: skip
    """(matched priors that count, unmatched ones that count as background)."""
    loss = np.array([_label_loss(scores[p], labels[p], param, True) for p in range(len(corners))])
    positive = [p for p, g in enumerate(match) if g >= 0]
    if param.mining_type == param.MAX_NEGATIVE:
        eligible = [p for p, g in enumerate(match) if g == -1 and overlap[p] < param.neg_overlap]
        count = int(len(positive) * param.neg_pos_ratio)
    else:
        eligible, count = list(range(len(corners))), param.sample_size
        for p, own in losses:
            loss[p] += own.sum()
    order = sorted(eligible, key=lambda p: -loss[p])
    if param.HasField("nms_param"):
        order = kept_boxes(corners, order[: param.nms_param.top_k], param.nms_param.nms_threshold)
    chosen = order[:count]
    if param.mining_type == param.MAX_NEGATIVE:
        return positive, chosen
    return [p for p in positive if p in chosen], [p for p in chosen if match[p] == -1]
