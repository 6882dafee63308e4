"""DetectionEvaluate of SSD: which of the boxes found are right, as rows that a solver sums up to a mean AP."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register
from caffe_torch.layers.fork import boxes, ground_truth


@register("DetectionEvaluate")
class DetectionEvaluate(Layer):
    """Bottoms: boxes of DetectionOutput, and true ones; top (1, 1, rows, 5).

    First a row per class: -1, the class, how many true boxes, -1, -1. Then a row per found box: image, class, score, 1
    if it is the first to overlap a true box enough, 1 if it is wrong (neither for a difficult box that does not count).
    ``name_size_file`` gives the images' sizes in their order, ``name height width`` a line; overlaps are then of
    pixels.
    """

    bottoms = (2, 2)
    no_gradient = (0, 1)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.detection_evaluate_param
        if param.num_classes < 1:
            raise self.fail("needs num_classes of 1 or more")
        if not param.overlap_threshold > 0:
            raise self.fail(f"overlap_threshold must be above 0, found {param.overlap_threshold:g}")
        if param.HasField("resize_param") and param.resize_param.resize_mode != param.resize_param.WARP:
            raise self.fail("resize_param of another mode than WARP is not supported here")
        self.image_sizes = self._sizes(param.name_size_file) if param.name_size_file else []
        #: Images seen so far, for whose sizes the file is read on, round and round.
        self.seen = 0

    def _sizes(self, path: str) -> list[tuple[float, float]]:
        try:
            lines = [line.split() for line in Path(path).read_text().splitlines() if line.strip()]
            return [(float(line[-1]), float(line[-2])) for line in lines]
        except (OSError, ValueError, IndexError, UnicodeDecodeError) as error:
            raise self.fail(f"name_size_file {path}: expected `name height width` in every line ({error})") from None

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if bottom[0].count % 7 or bottom[1].count % 8:
            raise self.fail(
                f"needs boxes found of 7 numbers and true ones of 8, found shapes {bottom[0].shape}, {bottom[1].shape}"
            )
        rows = self.param.detection_evaluate_param.num_classes - 1 + bottom[0].count // 7
        top[0].adopt_shape((1, 1, max(rows, 1), 5))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.detection_evaluate_param
        detections = bottom[0].tensor().data.reshape(-1, 7).cpu()
        detections = detections[(detections[:, 0] >= 0) & (detections[:, 1] >= 0)]
        beyond = (detections[:, :2] > ground_truth.MOST_IMAGES).any(dim=1).nonzero()
        if len(beyond):
            image, label = detections[int(beyond[0]), :2].tolist()
            raise self.fail(f"a box found is of image {image:g} and label {label:g}, which are no such numbers")
        rows = bottom[1].tensor().data.reshape(-1, 8).cpu()
        try:
            truth = ground_truth.by_image(rows, param.background_label_id)
        except ValueError as error:
            raise self.fail(str(error)) from None
        labels = [label for label in range(param.num_classes) if label != param.background_label_id]
        counts = dict.fromkeys(labels, 0)
        for own in truth.values():
            for label, difficult in zip(own.labels.tolist(), own.difficult.tolist()):
                if label in counts and (param.evaluate_difficult_gt or not difficult):
                    counts[label] += 1
        table = [[-1.0, label, count, -1, -1] for label, count in counts.items()]
        images = sorted({int(i) for i in detections[:, 0].tolist()} | set(truth))
        for image in images:
            size = self.image_sizes[(self.seen + image) % len(self.image_sizes)] if self.image_sizes else None
            rows = detections[detections[:, 0] == image]
            for label in sorted({int(v) for v in rows[:, 1].tolist()}):
                if label != param.background_label_id:
                    table += self._judged(image, label, rows[rows[:, 1] == label], truth.get(image), size)
        if self.image_sizes and images:
            self.seen = (self.seen + images[-1] + 1) % len(self.image_sizes)
        result = torch.tensor(table or [[-1.0] * 5]).reshape(1, 1, -1, 5)
        top[0].adopt_shape(tuple(result.shape))
        top[0].assign(result.to(bottom[0].tensor().device))

    def _judged(
        self,
        image: int,
        label: int,
        predictions: Tensor,
        truth: ground_truth.Truth | None,
        size: tuple[float, float] | None,
    ) -> list[list[float]]:
        param = self.param.detection_evaluate_param
        predictions = predictions[torch.argsort(predictions[:, 2], descending=True, stable=True)]
        own = None if truth is None else truth.labels == label
        if truth is None or own is None or not bool(own.any()):
            return [[image, label, score, 0, 1] for score in predictions[:, 2].tolist()]
        overlap = self._overlaps(predictions[:, 3:], truth.boxes[own], size)
        difficult, taken = truth.difficult[own].tolist(), set()
        rows: list[list[float]] = []
        for score, line in zip(predictions[:, 2].tolist(), overlap):
            best = int(line.argmax())
            if line[best] < param.overlap_threshold:
                rows.append([image, label, score, 0, 1])
            elif difficult[best] and not param.evaluate_difficult_gt:
                rows.append([image, label, score, 0, 0])
            else:
                rows.append([image, label, score, float(best not in taken), float(best in taken)])
                taken.add(best)
        return rows

    def _overlaps(self, predictions: Tensor, truth: Tensor, size: tuple[float, float] | None) -> Tensor:
        if size is None:
            return boxes.overlaps(predictions, truth)
        scale = torch.tensor([*size, *size])
        predictions, truth = predictions.clamp(0, 1) * scale, truth.clamp(0, 1) * scale
        # Of pixels, first and last included.
        low = torch.maximum(predictions[:, None, :2], truth[None, :, :2])
        high = torch.minimum(predictions[:, None, 2:], truth[None, :, 2:])
        shared = (high - low + 1).prod(dim=2) * (high >= low).all(dim=2)
        areas = [(b[:, 2:] - b[:, :2] + 1).prod(dim=1) for b in (predictions, truth)]
        overlap = shared / (areas[0][:, None] + areas[1][None, :] - shared)
        return torch.where(shared > 0, overlap, torch.zeros_like(overlap))  # none of what is no number

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if any(propagate_down):
            raise self.fail("has no gradient")

    def state_dict(self) -> dict[str, int]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seen = state["seen"]
