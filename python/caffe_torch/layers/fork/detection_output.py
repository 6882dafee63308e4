"""DetectionOutput of SSD: the boxes that a net has found, from its codes, scores and priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.fork import boxes
from caffe_torch.runtime import log


@register("DetectionOutput")
class DetectionOutput(Layer):
    """Bottoms: codes (n, priors x 4), scores (n, priors x classes), priors (1, 2, priors x 4); a fourth is not read.

    Top (1, 1, boxes, 7): image, label, score, xmin, ymin, xmax, ymax, by image and label, best first. Without any box
    it has one row per image: its number, then -1. Results are not written to files nor drawn.
    """

    bottoms = (3, 4)
    no_gradient = (0, 1, 2, 3)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.detection_output_param
        if param.num_classes < 1:
            raise self.fail("needs num_classes of 1 or more")
        if param.nms_param.nms_threshold < 0 or not 0 < param.nms_param.eta <= 1:
            raise self.fail(
                f"nms_threshold must be 0 or more, found {param.nms_param.nms_threshold:g}; eta above 0 and at most 1, "
                f"found {param.nms_param.eta:g}"
            )
        if param.save_output_param.output_directory or param.visualize:
            log.info(f"layer {self.name!r}: save_output_param and visualize are not done here; the top has the boxes")
        self.least = param.confidence_threshold if param.HasField("confidence_threshold") else -np.inf

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.detection_output_param
        if len(bottom[2].shape) < 3 or not bottom[2].shape[0] or bottom[2].shape[1] != 2 or bottom[2].shape[2] % 4:
            raise self.fail(f"needs priors of shape (1, 2, priors x 4), found {bottom[2].shape}")
        self.priors = bottom[2].shape[2] // 4
        self.codes = 1 if param.share_location else param.num_classes
        images = bottom[0].shape[0] if bottom[0].shape else 0
        wanted = (images * self.priors * self.codes * 4, images * self.priors * param.num_classes)
        if (bottom[0].count, bottom[1].count) != wanted:
            raise self.fail(
                f"{self.priors} priors and {param.num_classes} classes need {wanted[0]} codes and {wanted[1]} scores, "
                f"found shapes {bottom[0].shape} and {bottom[1].shape}"
            )
        top[0].adopt_shape((1, 1, 1, 7))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.detection_output_param
        images = bottom[0].shape[0]
        given = bottom[2].tensor().data.reshape(-1, 2, self.priors, 4)[0]
        codes = bottom[0].tensor().data.reshape(images, self.priors, self.codes, 4)
        decoded = boxes.decode(
            codes, given[0][:, None], given[1][:, None], param.code_type, param.variance_encoded_in_target
        )
        located = decoded.cpu().numpy()
        scores = bottom[1].tensor().data.reshape(images, self.priors, param.num_classes).cpu().numpy()
        rows = [row for i in range(images) for row in self._rows(i, located[i], scores[i], param)]
        if not rows:
            rows = [[i, *[-1] * 6] for i in range(images)]
        table = torch.tensor(np.array(rows, np.float32).reshape(1, 1, -1, 7))
        top[0].adopt_shape(tuple(table.shape))
        top[0].assign(table.to(codes.device))

    def _rows(self, image: int, located: np.ndarray, scores: np.ndarray, param: Any) -> list[list[float]]:
        nms = param.nms_param
        top_k = nms.top_k if nms.HasField("top_k") else -1
        kept = []
        for label in range(param.num_classes):
            if label == param.background_label_id:
                continue
            own, value = located[:, 0 if param.share_location else label], scores[:, label]
            for index in boxes.suppress(own, value, self.least, nms.nms_threshold, nms.eta, top_k):
                kept.append((label, value[index], own[index]))
        if -1 < param.keep_top_k < len(kept):
            kept = sorted(kept, key=lambda item: -item[1])[: param.keep_top_k]
            kept.sort(key=lambda item: item[0])
        return [[image, label, score, *box] for label, score, box in kept]

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient; set propagate_down: false for its bottoms")
