"""Recognition: how well the sigmoid outputs name an image's labels (the paper annotates as well as it retrieves)."""

from __future__ import annotations

from typing import Any

import numpy as np

from multiweight.base.errors import UserError
from multiweight.records.catalog import Catalog

THRESHOLD = 0.5
TOP = (1, 3)


def scores(probabilities: np.ndarray, labels: np.ndarray, catalog: Catalog) -> dict[str, dict[str, Any]]:
    """For each group ``map`` (mean AP of its labels), ``labels`` (AP of each), ``micro_f1``, ``macro_f1``, ``top``.

    ``probabilities`` and ``labels`` are (n, L), float and bool, in catalog order. AP of a label ranks all images by
    its output; a label that no image has is None and left out of means. F1 takes outputs from 0.5 on as named; a label
    that is neither there nor named has no F1. ``top`` tells for k = 1 and 3 (where the group has more labels than k) in
    what share of the images with a label of the group one of the k highest outputs is right. UserError: other shapes.
    """
    if probabilities.shape != labels.shape or probabilities.shape[1] != catalog.size:
        raise UserError(
            f"outputs of shape {probabilities.shape} for labels of shape {labels.shape} and a catalog of {catalog.size}"
        )
    by_group: dict[str, dict[str, Any]] = {}
    for group in catalog.groups:
        part = catalog.slices[group.name]
        outputs, truth = probabilities[:, part], labels[:, part]
        each = [label_ap(outputs[:, m], truth[:, m]) for m in range(group.size)]
        known = [value for value in each if value is not None]
        micro, macro = f1(outputs >= THRESHOLD, truth)
        by_group[group.name] = {
            "map": float(np.mean(known)) if known else None,
            "labels": dict(zip(group.labels, each)),
            "micro_f1": micro,
            "macro_f1": macro,
            "top": {str(k): top_accuracy(outputs, truth, k) for k in TOP if k < group.size},
        }
    return by_group


def label_ap(outputs: np.ndarray, truth: np.ndarray) -> float | None:
    """Average precision of one label, (n,) each; equal outputs enter together; None without positives."""
    positives = int(truth.sum())
    if not positives:
        return None
    order = np.argsort(-outputs, kind="stable")
    hits = np.cumsum(truth[order])
    # Of equal outputs only the last place is a threshold.
    last = np.r_[np.flatnonzero(np.diff(outputs[order])), len(outputs) - 1]
    gained = np.diff(np.r_[0, hits[last]])
    return float((gained * hits[last] / (last + 1)).sum() / positives)


def f1(named: np.ndarray, truth: np.ndarray) -> tuple[float | None, float | None]:
    """(micro, macro) F1 of (n, M) bool arrays; None where nothing is there and nothing is named."""
    right = (named & truth).sum(axis=0)
    total = named.sum(axis=0) + truth.sum(axis=0)
    used = total > 0
    if not used.any():
        return None, None
    return float(2 * right.sum() / total.sum()), float((2 * right[used] / total[used]).mean())


def top_accuracy(outputs: np.ndarray, truth: np.ndarray, k: int) -> float | None:
    """In what share of the images with a label one of the ``k`` highest outputs is right; equal outputs by position."""
    asked = truth.any(axis=1)
    if not asked.any():
        return None
    best = np.argsort(-outputs[asked], axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(truth[asked], best, axis=1).any(axis=1).mean())
