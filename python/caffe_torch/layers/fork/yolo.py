"""YoloDetectionOutput and Yolov3DetectionOutput of MobileNet-YOLO: boxes from the maps of YOLO nets."""

from __future__ import annotations

import numpy as np
import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.fork import boxes


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


#: Scores (k,), classes (k,) and corners (k, 4) of the boxes of one image.
_Boxes = tuple[np.ndarray, np.ndarray, np.ndarray]


class _YoloOutput(Layer):
    """Top (1, 1, boxes, 7): image, label from 1 on, score, corners; a row of image and -1 where nothing is found.

    As in the fork, the best come first, a box of any class gives way to a better one that it overlaps by
    ``nms_threshold`` or more, and corners may lie outside the image. The fork takes a batch for one image; here each
    image has its own number and boxes.
    """

    tops = (1, 1)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        for blob in bottom:
            if len(blob.shape) != 4 or blob.shape[1] != self.channels:
                raise self.fail(f"needs a map of 4 axes with {self.channels} channels, found shape {blob.shape}")
        top[0].adopt_shape((1, 1, 1, 7))

    @property
    def channels(self) -> int:
        """Of each bottom."""
        raise NotImplementedError

    def candidates(self, index: int, values: np.ndarray) -> _Boxes:
        """Of the map (rows, columns, boxes, 5 + classes) of bottom ``index``, those whose score is high enough."""
        raise NotImplementedError

    def overlap(self) -> float:
        """Boxes that overlap by so much are one."""
        raise NotImplementedError

    @np.errstate(invalid="ignore", over="ignore")  # of values that are no numbers or endless
    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        maps = [blob.tensor().data.cpu().numpy().astype(np.float64) for blob in bottom]
        rows: list[list[float]] = []
        # Below the threshold by the least step: SSD's suppression lets equal overlaps stay.
        threshold = float(np.nextafter(self.overlap(), -1))
        for image in range(len(maps[0])):
            by_map = [self.candidates(i, self._by_box(array[image])) for i, array in enumerate(maps)]
            score, label, corners = (np.concatenate(parts) for parts in zip(*by_map))
            for index in boxes.suppress(corners, score, -np.inf, threshold, 1, -1):
                rows.append([image, label[index] + 1, score[index], *corners[index]])
        if not rows:
            rows = [[image, *[-1] * 6] for image in range(len(maps[0]))]
        table = torch.tensor(np.array(rows, np.float32).reshape(1, 1, -1, 7))
        top[0].adopt_shape(tuple(table.shape))
        top[0].assign(table.to(bottom[0].tensor().device))

    def _by_box(self, array: np.ndarray) -> np.ndarray:
        """(rows, columns, boxes, numbers of a box) of a map (channels, rows, columns)."""
        count = self._boxes()
        return array.reshape(count, -1, *array.shape[1:]).transpose(2, 3, 0, 1)

    def _boxes(self) -> int:
        raise NotImplementedError

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient")


def _corners(values: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Corners (rows, columns, boxes, 4) from codes and the anchors' sizes (boxes, 2), as shares of the image."""
    rows, columns = values.shape[:2]
    x = (np.arange(columns)[None, :, None] + _sigmoid(values[..., 0])) / columns
    y = (np.arange(rows)[:, None, None] + _sigmoid(values[..., 1])) / rows
    half = np.exp(values[..., 2:4]) * size / 2
    centre = np.stack([x, y], axis=-1)
    return np.concatenate([centre - half, centre + half], axis=-1)


@register("YoloDetectionOutput")
class YoloDetectionOutput(_YoloOutput):
    """YOLO v2: maps of num_box x (4 + 1 + classes) channels; ``biases`` are sizes in cells; the class by softmax."""

    bottoms = (1, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.yolo_detection_output_param
        if len(param.biases) != 2 * param.num_box or param.coords != 4:
            raise self.fail(f"needs {2 * param.num_box} biases for {param.num_box} boxes, and coords 4")

    @property
    def channels(self) -> int:
        param = self.param.yolo_detection_output_param
        return param.num_box * (5 + param.num_classes)

    def _boxes(self) -> int:
        return self.param.yolo_detection_output_param.num_box

    def overlap(self) -> float:
        return self.param.yolo_detection_output_param.nms_threshold

    def candidates(self, index: int, values: np.ndarray) -> _Boxes:
        param = self.param.yolo_detection_output_param
        size = np.array(param.biases).reshape(-1, 2) / [values.shape[1], values.shape[0]]
        scores = np.exp(values[..., 5:] - values[..., 5:].max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        score = _sigmoid(values[..., 4]) * scores.max(axis=-1)
        kept = score >= param.confidence_threshold
        return score[kept], scores.argmax(axis=-1)[kept], _corners(values, size)[kept]


@register("Yolov3DetectionOutput")
class Yolov3DetectionOutput(_YoloOutput):
    """YOLO v3: a map a scale; ``mask`` names its biases, sizes in pixels; ``anchors_scale`` its pixels a cell.

    A box counts once for every class whose score is high enough.
    """

    bottoms = (1, None)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.yolov3_detection_output_param
        groups = param.mask_group_num
        if groups != len(bottom) or len(param.anchors_scale) != groups or len(param.mask) != groups * param.num_box:
            raise self.fail(
                f"needs mask_group_num {groups} bottoms and anchors_scale, and {param.num_box} masks each; found "
                f"{len(bottom)}, {len(param.anchors_scale)} and {len(param.mask)}"
            )
        if not all(param.anchors_scale):
            raise self.fail(f"anchors_scale must be 1 or more, found {list(param.anchors_scale)}")
        if param.mask and max(param.mask) * 2 + 1 >= len(param.biases):
            raise self.fail(f"mask {max(param.mask)} has no biases: {len(param.biases)} are given")
        if param.gaussian_box:
            raise self.fail("gaussian_box is not supported")

    @property
    def channels(self) -> int:
        param = self.param.yolov3_detection_output_param
        return param.num_box * (5 + param.num_classes)

    def _boxes(self) -> int:
        return self.param.yolov3_detection_output_param.num_box

    def overlap(self) -> float:
        return self.param.yolov3_detection_output_param.nms_threshold

    def candidates(self, index: int, values: np.ndarray) -> _Boxes:
        param = self.param.yolov3_detection_output_param
        own = list(param.mask)[index * param.num_box : (index + 1) * param.num_box]
        size = np.array(param.biases)[: len(param.biases) // 2 * 2].reshape(-1, 2)[own]
        size = size / (param.anchors_scale[index] * np.array([values.shape[1], values.shape[0]]))
        scores = _sigmoid(values[..., 5:]) * _sigmoid(values[..., 4:5])
        # A box counts once for every class that is likely enough.
        rows, columns, box, label = np.nonzero(scores > param.confidence_threshold)
        return scores[rows, columns, box, label], label, _corners(values, size)[rows, columns, box]
