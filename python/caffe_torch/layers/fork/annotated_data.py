"""AnnotatedData of SSD: images with boxes from a database of AnnotatedDatum."""

from __future__ import annotations

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from caffe_torch.errors import CaffeError
from caffe_torch.input import distortion
from caffe_torch.input.prefetch import in_threads
from caffe_torch.input.transform import datum_array
from caffe_torch.layers.base import register
from caffe_torch.layers.fork import box_sampling
from caffe_torch.layers.sources.prefetching import PrefetchingLayer, Reader
from caffe_torch.layers.sources.record_reader import RecordReader
from caffe_torch.proto import caffe_pb2

#: Of a row of the second top: image, label, instance, xmin, ymin, xmax, ymax, difficult.
ROW = 8


class _Annotated(RecordReader):
    """Records that are AnnotatedDatums: images with boxes."""

    def __init__(self, param: Any, phase: int, seed: int):
        super().__init__(param, phase, seed)
        first = [self._read(*record)[0] for record in self.source.sample()][0]
        self.shape = self.transform.shape(self._sized(first))

    def _sized(self, image: np.ndarray) -> tuple[int, ...]:
        """(channels, height, width) after the resize."""
        transform = self.param.transform_param
        high, wide = image.shape[:2]
        if transform.HasField("resize_param"):
            high, wide = distortion.resized_shape(transform.resize_param, high, wide)
        return image.shape[2], high, wide

    def _read(self, key: bytes, value: bytes) -> tuple[np.ndarray, np.ndarray]:
        """(image (height, width, channels), rows of label, instance, corners, difficult) of a record."""
        where = self.where(key)
        annotated = caffe_pb2.AnnotatedDatum()
        try:
            annotated.ParseFromString(value)
        except DecodeError:
            raise CaffeError(f"{where} is no AnnotatedDatum") from None
        if not annotated.HasField("datum"):
            raise CaffeError(f"{where} is no AnnotatedDatum: it has no image")
        planes = datum_array(annotated.datum, where, self.param.transform_param)
        if planes.dtype != np.uint8:
            raise CaffeError(f"{where}: AnnotatedData needs images of bytes, found {planes.dtype}")
        rows = []
        for group in annotated.annotation_group:
            for item in group.annotation:
                box = item.bbox
                rows.append(
                    [group.group_label, item.instance_id, box.xmin, box.ymin, box.xmax, box.ymax, box.difficult]
                )
        table = np.array(rows, np.float64).reshape(-1, ROW - 1)
        if not np.isfinite(table).all():
            raise CaffeError(f"{where}: a box has corners that are not finite")
        return np.ascontiguousarray(planes.transpose(1, 2, 0)), table

    def batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        records = self.records_of(index)
        made: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0))] * self.size

        def fill(i: int) -> None:
            made[i] = self._item(*records[i], np.random.default_rng((self.seed, index, i)))

        in_threads(fill, self.size)
        shapes = {image.shape for image, _ in made}
        if len(shapes) > 1:
            raise CaffeError(
                f"{self.source.path}: images of a batch have shapes {sorted(shapes)}: give resize_param or batch_size 1"
            )
        rows = np.concatenate([np.insert(table, 0, i, axis=1) for i, (_, table) in enumerate(made)])
        if not len(rows):
            rows = np.full((1, ROW), -1.0)
        return np.stack([image for image, _ in made]), rows.astype(np.float32).reshape(1, 1, -1, ROW)

    def _item(self, key: bytes, value: bytes, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(image (channels, height, width), its rows) as the net gets them."""
        image, table = self._read(key, value)
        transform = self.param.transform_param
        if transform.HasField("distort_param"):
            image = distortion.distort(image, transform.distort_param, rng)
        if transform.HasField("expand_param"):
            mean = np.array(list(transform.mean_value) or [0.0])
            image, window = distortion.expand(image, transform.expand_param, mean, rng)
            table = self._through(window, table)
        samplers = self.param.annotated_data_param.batch_sampler
        if samplers:
            sampled = box_sampling.sample(samplers, table[:, 2:6], rng)
            if sampled is not None:
                image = _cut(image, sampled)
                table = self._through(sampled, table)
        before = image.shape[:2]
        if transform.HasField("resize_param"):
            image = distortion.resize(image, transform.resize_param, rng)
            table = _framed(transform.resize_param, before, table)
        if transform.HasField("noise_param"):
            image = distortion.add_noise(image, transform.noise_param, rng)
        return self._finish(image, table, rng)

    def _through(self, window: np.ndarray, table: np.ndarray) -> np.ndarray:
        transform = self.param.transform_param
        constraint = transform.emit_constraint if transform.HasField("emit_constraint") else None
        counts, moved = box_sampling.seen_through(window, table[:, 2:6], constraint)
        table = table.copy()
        table[:, 2:6] = moved
        return table[counts]

    def _finish(self, image: np.ndarray, table: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Caffe's own crop, mirror, mean and scale; the boxes follow."""
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        out = np.empty(self.transform.shape(planes.shape), np.float32)
        top, left, flipped = self.transform(planes, out, rng)
        high, wide = image.shape[:2]
        window = np.array([left / wide, top / high, (left + out.shape[2]) / wide, (top + out.shape[1]) / high])
        table = self._through(window, table)
        if flipped:
            table[:, [2, 4]] = 1 - table[:, [4, 2]]
        return out, table


def _cut(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The pixels inside a window, one at least."""
    high, wide = image.shape[:2]
    left, top, right, bottom = (np.clip(window, 0, 1) * [wide, high, wide, high]).astype(int)
    return np.ascontiguousarray(image[top : max(bottom, top + 1), left : max(right, left + 1)])


def _framed(param: Any, before: tuple[int, int], table: np.ndarray) -> np.ndarray:
    """The rows after a resize that pads: their boxes lie in the frame's middle."""
    if param.resize_mode != param.FIT_LARGE_SIZE_AND_PAD:
        return table
    high, wide = distortion.fitted(param, *before)
    edge = np.array([(param.width - wide) // 2, (param.height - high) // 2] * 2)
    table = table.copy()
    table[:, 2:6] = (table[:, 2:6] * [wide, high, wide, high] + edge) / ([param.width, param.height] * 2)
    return table


@register("AnnotatedData")
class AnnotatedData(PrefetchingLayer):
    """Reads ``data_param.source``; tops are images and the boxes of all of them, (1, 1, boxes, 8), -1 where none is."""

    def batch_size(self) -> int:
        return self.param.data_param.batch_size

    def setup(self, bottom: list[Any], top: list[Any]) -> None:
        super().setup(bottom, top)
        if len(top) > 1:
            top[1].adopt_shape((1, 1, 1, ROW))

    def open(self, seed: int) -> Reader:
        param = self.param.transform_param
        if param.HasField("resize_param") and (param.resize_param.height < 1 or param.resize_param.width < 1):
            raise self.fail("resize_param needs height and width of 1 or more")
        if self.param.annotated_data_param.anno_type != caffe_pb2.AnnotatedDatum.BBOX:
            raise self.fail("anno_type BBOX alone is supported")
        return _Annotated(self.param, self.phase, seed)
