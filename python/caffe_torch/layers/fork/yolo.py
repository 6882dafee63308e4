"""YoloDetectionOutput and Yolov3DetectionOutput of MobileNet-YOLO: boxes from the maps of YOLO nets."""

from __future__ import annotations

import numpy as np
import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.fork import boxes


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


class _YoloOutput(Layer):
    """Top (1, 1, boxes, 7): image, label from 1 on, score, corners; a row of image and -1 where nothing is found."""

    tops = (1, 1)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        for blob, wanted in zip(bottom, self.channels(len(bottom))):
            if len(blob.shape) != 4 or blob.shape[1] != wanted:
                raise self.fail(f"needs a map of 4 axes with {wanted} channels, found shape {blob.shape}")
        top[0].adopt_shape((1, 1, 1, 7))

    def channels(self, count: int) -> list[int]:
        """Of each bottom."""
        raise NotImplementedError

    def candidates(self, maps: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(corners (k, 4), class (k,), score (k,)) of one image."""
        raise NotImplementedError

    def settings(self) -> tuple[float, float]:
        """The least score, and the largest overlap of two boxes of one class."""
        raise NotImplementedError

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        least, threshold = self.settings()
        maps = [blob.tensor().data.cpu().numpy().astype(np.float64) for blob in bottom]
        rows: list[list[float]] = []
        for image in range(len(maps[0])):
            corners, label, score = self.candidates([array[image] for array in maps])
            for kind in np.unique(label):
                own = label == kind
                for index in boxes.suppress(corners[own], score[own], np.nextafter(least, -1), threshold, 1, -1):
                    rows.append([image, kind + 1, score[own][index], *corners[own][index]])
        if not rows:
            rows = [[image, *[-1] * 6] for image in range(len(maps[0]))]
        table = torch.tensor(np.array(rows, np.float32).reshape(1, 1, -1, 7))
        top[0].adopt_shape(tuple(table.shape))
        top[0].assign(table.to(bottom[0].tensor().device))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient")


def _corners(x: np.ndarray, y: np.ndarray, wide: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Corners cut at the image's edges, (k, 4)."""
    found = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=-1)
    return np.clip(found, 0, 1).reshape(-1, 4)


@register("YoloDetectionOutput")
class YoloDetectionOutput(_YoloOutput):
    """YOLO v2: a map of num_box x (4 + 1 + classes) channels; ``biases`` are sizes in cells; classes by softmax."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.yolo_detection_output_param
        if len(param.biases) != 2 * param.num_box or param.coords != 4:
            raise self.fail(f"needs {2 * param.num_box} biases for {param.num_box} boxes, and coords 4")

    def channels(self, count: int) -> list[int]:
        param = self.param.yolo_detection_output_param
        return [param.num_box * (5 + param.num_classes)]

    def settings(self) -> tuple[float, float]:
        param = self.param.yolo_detection_output_param
        return param.confidence_threshold, param.nms_threshold

    def candidates(self, maps: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        param = self.param.yolo_detection_output_param
        _, rows, columns = maps[0].shape
        values = maps[0].reshape(param.num_box, 5 + param.num_classes, rows, columns).transpose(2, 3, 0, 1)
        size = np.array(param.biases).reshape(-1, 2)
        x = (np.arange(columns)[None, :, None] + _sigmoid(values[..., 0])) / columns
        y = (np.arange(rows)[:, None, None] + _sigmoid(values[..., 1])) / rows
        wide, high = np.exp(values[..., 2]) * size[:, 0] / columns, np.exp(values[..., 3]) * size[:, 1] / rows
        scores = np.exp(values[..., 5:] - values[..., 5:].max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        best = scores.argmax(axis=-1)
        score = _sigmoid(values[..., 4]) * scores.max(axis=-1)
        return _corners(x, y, wide, high), best.reshape(-1), score.reshape(-1)


@register("Yolov3DetectionOutput")
class Yolov3DetectionOutput(_YoloOutput):
    """YOLO v3: a map a scale; ``mask`` names its biases, sizes in pixels; ``anchors_scale`` its pixels a cell."""

    bottoms = (1, None)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.yolov3_detection_output_param
        groups = param.mask_group_num
        if groups != len(bottom) or len(param.anchors_scale) != groups or len(param.mask) != groups * param.num_box:
            raise self.fail(
                f"needs mask_group_num {groups} bottoms and anchors_scale, and {param.num_box} masks each; found "
                f"{len(bottom)}, {len(param.anchors_scale)} and {len(param.mask)}"
            )
        if param.mask and max(param.mask) * 2 + 1 >= len(param.biases):
            raise self.fail(f"mask {max(param.mask)} has no biases: {len(param.biases)} are given")
        if param.gaussian_box:
            raise self.fail("gaussian_box is not supported")

    def channels(self, count: int) -> list[int]:
        param = self.param.yolov3_detection_output_param
        return [param.num_box * (5 + param.num_classes)] * count

    def settings(self) -> tuple[float, float]:
        param = self.param.yolov3_detection_output_param
        return param.confidence_threshold, param.nms_threshold

    def candidates(self, maps: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        param = self.param.yolov3_detection_output_param
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for group, array in enumerate(maps):
            _, rows, columns = array.shape
            values = array.reshape(param.num_box, 5 + param.num_classes, rows, columns).transpose(2, 3, 0, 1)
            own = list(param.mask)[group * param.num_box : (group + 1) * param.num_box]
            size = np.array(param.biases)[: len(param.biases) // 2 * 2].reshape(-1, 2)[own]
            pixels = param.anchors_scale[group]
            x = (np.arange(columns)[None, :, None] + _sigmoid(values[..., 0])) / columns
            y = (np.arange(rows)[:, None, None] + _sigmoid(values[..., 1])) / rows
            wide = np.exp(values[..., 2]) * size[:, 0] / (pixels * columns)
            high = np.exp(values[..., 3]) * size[:, 1] / (pixels * rows)
            scores = _sigmoid(values[..., 5:])
            score = _sigmoid(values[..., 4]) * scores.max(axis=-1)
            found.append((_corners(x, y, wide, high), scores.argmax(axis=-1).reshape(-1), score.reshape(-1)))
        corners, labels, score = (np.concatenate(parts) for parts in zip(*found))
        return corners, labels, score
