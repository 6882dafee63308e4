"""eval_type "detection" of SSD's solver: the mean average precision of what DetectionEvaluate layers give."""

from __future__ import annotations

from typing import Any

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import log

VERSIONS = ("11point", "MaxIntegral", "Integral")


def wanted(param: Any) -> bool:
    """Whether a SolverParameter asks for it; CaffeError for an unknown eval_type or ap_version."""
    if param.eval_type not in ("classification", "detection"):
        raise CaffeError(f"solver: eval_type {param.eval_type!r} is unknown: classification or detection")
    if param.ap_version not in VERSIONS:
        raise CaffeError(f"solver: ap_version {param.ap_version!r} is unknown: {', '.join(VERSIONS)}")
    return param.eval_type == "detection"


class Detections:
    """Rows of DetectionEvaluate, over all batches of a test."""

    def __init__(self) -> None:
        self._true: dict[int, int] = {}
        self._rows: dict[int, list[np.ndarray]] = {}

    def add(self, rows: np.ndarray, name: str) -> None:
        """One batch's top; CaffeError where it is none of DetectionEvaluate's."""
        if rows.shape[-1:] != (5,):
            raise CaffeError(
                f"solver: eval_type detection needs outputs of DetectionEvaluate, {name!r} has shape {rows.shape}"
            )
        for row in rows.reshape(-1, 5):
            label = int(row[1])
            if row[0] == -1 and label >= 0:
                self._true[label] = self._true.get(label, 0) + int(row[2])
            elif row[0] >= 0:
                self._rows.setdefault(label, []).append(row[2:5].copy())

    def mean(self, version: str, each: bool = False) -> float:
        """The mean of the classes' average precisions; a class without a true box is left out, with a warning."""
        precisions = {}
        for label, count in sorted(self._true.items()):
            if count == 0:
                log.warning(f"Missing true_pos for label: {label}")
                continue
            rows = np.array(self._rows.get(label, np.zeros((0, 3)))).reshape(-1, 3)
            precisions[label] = average_precision(rows[:, 0], rows[:, 1], rows[:, 2], count, version)
            if each:
                log.info(f"class{label}: {precisions[label]:g}")
        return float(np.mean(list(precisions.values()))) if precisions else 0.0


def average_precision(scores: np.ndarray, right: np.ndarray, wrong: np.ndarray, count: int, version: str) -> float:
    """Of one class with ``count`` true boxes: scores of boxes found, and 1 where one is right, 1 where it is wrong.

    ``11point`` is PASCAL VOC's of 2007: the mean over recalls 0, 0.1, ..., 1 of the best precision from there on.
    ``MaxIntegral`` is that of 2012: the area under that best precision. ``Integral``: under the precision itself.
    """
    order = np.argsort(-scores, kind="stable")
    right, wrong = np.cumsum(right[order]), np.cumsum(wrong[order])
    recall = right / count
    precision = np.divide(right, right + wrong, out=np.zeros(len(right)), where=right + wrong > 0)
    if version == "11point":
        # A recall that rounding keeps just below its tenth counts as reaching it.
        reached = [precision[recall >= tenth / 10 - 1e-9] for tenth in range(11)]
        return float(np.mean([part.max() if len(part) else 0.0 for part in reached]))
    if version == "MaxIntegral":
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * precision).sum())
