"""Layers of forks from their published definitions, in NumPy and mostly as loops: the judges of what OpenCV lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def iou(a: Any, b: Any, extra: float = 0) -> float:
    """Shared area by joint area of two boxes; ``extra`` is 1 where corners are pixels that both belong to the box."""
    sides = [min(a[2 + i], b[2 + i]) - max(a[i], b[i]) + extra for i in (0, 1)]
    shared = max(sides[0], 0) * max(sides[1], 0)
    areas = [(box[2] - box[0] + extra) * (box[3] - box[1] + extra) for box in (a, b)]
    return shared / (areas[0] + areas[1] - shared) if shared else 0.0


def kept_boxes(boxes: np.ndarray, order: Any, threshold: float, extra: float = 0, most: int = 1 << 30) -> list[int]:
    """Greedy suppression: each box of ``order`` that overlaps no kept one by more than ``threshold``."""
    result: list[int] = []
    corners = np.asarray(boxes).tolist()
    for i in order:
        if len(result) == most:
            break
        if all(iou(corners[i], corners[k], extra) <= threshold for k in result):
            result.append(int(i))
    return result


def anchor(base: int, ratio: float, scale: float) -> tuple[float, float]:
    """(width, height) of an anchor in pixels: of the base's area, rounded to whole pixels, then enlarged."""
    width = round(math.sqrt(base * base / ratio))
    return width * scale, round(width * ratio) * scale


def proposals(scores: np.ndarray, codes: np.ndarray, info: np.ndarray, param: Any) -> np.ndarray:
    """Faster R-CNN's proposals of one image: anchors moved by their codes, cut at the image, suppressed."""
    sizes = [anchor(param.base_size, ratio, scale) for ratio in param.ratio for scale in param.scale]
    height, width, factor = info.reshape(-1)[:3]
    result, values = [], []
    for y in range(scores.shape[2]):
        for x in range(scores.shape[3]):
            for a, (wide, high) in enumerate(sizes):
                dx, dy, dw, dh = codes[0, 4 * a : 4 * a + 4, y, x].astype(np.float64)
                # The anchor covers (base - 1) / 2 -+ (wide - 1) / 2; its centre is half a pixel further.
                cx = x * param.feat_stride + (param.base_size - 1) / 2 + 0.5 + dx * wide
                cy = y * param.feat_stride + (param.base_size - 1) / 2 + 0.5 + dy * high
                w, h = math.exp(dw) * wide, math.exp(dh) * high
                box = np.clip([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 0, [width - 1, height - 1] * 2)
                if min(box[2:] - box[:2] + 1) >= param.min_size * factor:
                    result.append(box)
                    values.append(scores[0, len(sizes) + a, y, x])
    boxes = np.array(result).reshape(-1, 4)
    order = np.argsort(-np.array(values), kind="stable")[: param.pre_nms_topn]
    chosen = kept_boxes(boxes, order, param.nms_thresh, 1, param.post_nms_topn)
    return np.concatenate([np.zeros((len(chosen), 1)), boxes[chosen]], axis=1)


def unpooled(x: np.ndarray, places: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """SegNet's: each value at the place in its plane that the pooling took it from, 0 elsewhere."""
    y = np.zeros((*x.shape[:2], size[0] * size[1]), x.dtype)
    for n, c in np.ndindex(*x.shape[:2]):
        for value, place in zip(x[n, c].reshape(-1), places[n, c].reshape(-1).astype(int)):
            y[n, c, place] = value
    return y.reshape(*x.shape[:2], *size)


def yolo_boxes(
    x: np.ndarray, biases: list[tuple[float, float]], classes: int, least: float, pixels: float | None = None
) -> list[list[float]]:
    """Rows of image, label, score and corners of one map (n, boxes x (5 + classes), h, w), as MobileNet-YOLO has them.

    YOLO v2's, with a softmax over the classes, of which the best counts, and biases in cells; v3's, with a sigmoid each
    and a row for every class, where ``pixels`` of the image a cell are given.
    """
    result = []
    for image, j, i, n in np.ndindex(x.shape[0], x.shape[2], x.shape[3], len(biases)):
        v = x[image, n * (5 + classes) : (n + 1) * (5 + classes), j, i].astype(np.float64)
        size = [math.exp(v[2 + a]) * biases[n][a] / ((pixels or 1) * x.shape[3 - a]) for a in (0, 1)]
        centre = (i + sigmoid(v[0])) / x.shape[3], (j + sigmoid(v[1])) / x.shape[2]
        corners = [centre[0] - size[0] / 2, centre[1] - size[1] / 2, centre[0] + size[0] / 2, centre[1] + size[1] / 2]
        p = sigmoid(v[5:]) if pixels else np.exp(v[5:] - v[5:].max()) / np.exp(v[5:] - v[5:].max()).sum()
        p = p * sigmoid(v[4])
        for label in range(classes) if pixels else [int(p.argmax())]:
            if p[label] > least or (not pixels and p[label] == least):
                result.append([image, label + 1, float(p[label]), *corners])
    return result


def suppressed(rows: list[list[float]], threshold: float) -> np.ndarray:
    """Rows of image, label, score, corners: the best of each image, whatever their labels; (1, 1, rows, 7)."""
    result = []
    for image in sorted({row[0] for row in rows}):
        own = np.array(sorted((row for row in rows if row[0] == image), key=lambda row: -row[2]))
        chosen: list[int] = []
        for i in range(len(own)):
            if all(iou(own[i, 3:], own[k, 3:]) < threshold for k in chosen):
                chosen.append(i)
        result += own[chosen].tolist()
    return np.array(result).reshape(1, 1, -1, 7)


def yolo_v2_boxes(x: np.ndarray, param: Any) -> np.ndarray:
    """What YoloDetectionOutput gives for its parameters."""
    pairs = list(zip(param.biases[::2], param.biases[1::2]))
    return suppressed(yolo_boxes(x, pairs, param.num_classes, param.confidence_threshold), param.nms_threshold)


def c_round(value: float) -> float:
    """Halves away from zero."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


def roi_pooling(x: np.ndarray, rois: np.ndarray, cells: tuple[int, int], scale: float) -> np.ndarray:
    """Fast R-CNN's: the largest value of each cell, 0 for a cell without a pixel."""
    _, channels, height, width = x.shape
    y = np.zeros((len(rois), channels, *cells), np.float32)
    for r, (image, *box) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (c_round(v * scale) for v in box)
        for h, w in np.ndindex(*cells):
            high, wide = max(y2 - y1 + 1, 1) / cells[0], max(x2 - x1 + 1, 1) / cells[1]
            rows = _pixels(h * high + y1, (h + 1) * high + y1, height)
            columns = _pixels(w * wide + x1, (w + 1) * wide + x1, width)
            for c in range(channels):
                y[r, c, h, w] = max((x[int(image), c, i, j] for i in rows for j in columns), default=0)
    return y


def psroi_pooling(x: np.ndarray, rois: np.ndarray, outputs: int, size: int, scale: float) -> np.ndarray:
    """R-FCN's: the mean of each cell in the channels of its place, 0 for a cell without a pixel."""
    y = np.zeros((len(rois), outputs, size, size), np.float32)
    for r, (image, *box) in enumerate(rois.tolist()):
        x1, y1 = (c_round(v) * scale for v in box[:2])
        x2, y2 = ((c_round(v) + 1) * scale for v in box[2:])
        high, wide = max(y2 - y1, 0.1) / size, max(x2 - x1, 0.1) / size
        for d, i, j in np.ndindex(outputs, size, size):
            rows = _pixels(i * high + y1, (i + 1) * high + y1, x.shape[2])
            columns = _pixels(j * wide + x1, (j + 1) * wide + x1, x.shape[3])
            result = [x[int(image), (d * size + i) * size + j, a, b] for a in rows for b in columns]
            y[r, d, i, j] = np.mean(result) if result else 0
    return y


def _pixels(low: float, high: float, size: int) -> range:
    return range(*(int(np.clip(v, 0, size)) for v in (math.floor(low), math.ceil(high))))


def interpolated(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, with the corners where they are."""
    h, w = x.shape[2:]
    y = np.empty((*x.shape[:2], height, width))
    for i, j in np.ndindex(height, width):
        a = i * (h - 1) / (height - 1) if height > 1 else 0
        b = j * (w - 1) / (width - 1) if width > 1 else 0
        i0, j0 = int(a), int(b)
        i1, j1, u, v = min(i0 + 1, h - 1), min(j0 + 1, w - 1), a - i0, b - j0
        y[:, :, i, j] = ((1 - u) * ((1 - v) * x[:, :, i0, j0] + v * x[:, :, i0, j1])
                         + u * ((1 - v) * x[:, :, i1, j0] + v * x[:, :, i1, j1]))  # fmt: skip
    return y


def convolved(x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, stride: int, dilation: int) -> np.ndarray:
    """A convolution without padding whose groups are as many as its weights' shape says."""
    n, channels, height, width = x.shape
    outputs, inner, k, _ = weights.shape
    group, reach = channels // inner, dilation * (k - 1) + 1
    y = np.zeros((n, outputs, (height - reach) // stride + 1, (width - reach) // stride + 1))
    for image, o, i, j in np.ndindex(*y.shape):
        first = o // (outputs // group) * inner
        window = x[image, first : first + inner, i * stride : i * stride + reach : dilation,
                   j * stride : j * stride + reach : dilation]  # fmt: skip
        y[image, o, i, j] = (window * weights[o]).sum() + (0 if bias is None else bias[o])
    return y


def normalised(x: np.ndarray, mean: Any, variance: Any, slope: Any, bias: Any, eps: float) -> np.ndarray:
    """Batch normalisation with these statistics, a channel."""
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        y[:, c] = (x[:, c] - mean[c]) / math.sqrt(variance[c] + eps) * slope[c] + bias[c]
    return y


def crowd_boxes(
    codes: np.ndarray, scores: np.ndarray, prior: np.ndarray, least: float, threshold: float, eta: float
) -> np.ndarray:
    """SSD's DetectionOutput for one image and class, corners as codes; ``eta`` lowers the threshold with each box."""
    corners, variances = prior.reshape(2, -1, 4).astype(np.float64)
    result, score = corners + codes.reshape(-1, 4) * variances, scores.reshape(-1, 2)[:, 1]
    chosen: list[int] = []
    for i in sorted(np.flatnonzero(score > least), key=lambda i: -score[i]):
        if all(iou(result[i], result[k]) <= threshold for k in chosen):
            chosen.append(int(i))
            threshold *= eta if threshold > 0.5 else 1
    return np.array([[0, 1, score[i], *result[i]] for i in chosen]).reshape(1, 1, -1, 7)
