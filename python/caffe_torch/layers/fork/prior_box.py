"""PriorBox of SSD: default boxes over the positions of a feature map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register


@register("PriorBox")
class PriorBox(FunctionLayer):
    """Bottoms: a feature map and the net's image; top (1, 2, boxes x 4): normalised corners, and their variances.

    A position has, for each min_size: a square of that size, one of sqrt(min_size max_size) where there are max_sizes,
    then one of each aspect ratio (and its inverse, with ``flip``).
    """

    bottoms = (2, 2)
    no_gradient = (0, 1)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.prior_box_param
        if param.reduce_boxes:
            raise self.fail("reduce_boxes (chuanqi305/ssd) is not supported here")
        numbers = [*param.min_size, *param.max_size, *param.aspect_ratio, *param.variance, param.offset]
        if not all(math.isfinite(number) for number in numbers):
            raise self.fail(f"needs finite sizes, aspect ratios, variances and offset, found {numbers}")
        if not param.min_size or min(param.min_size) <= 0:
            raise self.fail(f"needs min_size above 0, found {list(param.min_size)}")
        if param.max_size and (
            len(param.max_size) != len(param.min_size) or any(b <= a for a, b in zip(param.min_size, param.max_size))
        ):
            raise self.fail(f"needs one max_size above each min_size, found {list(param.max_size)}")
        if len(param.variance) not in (0, 1, 4) or any(v <= 0 for v in param.variance):
            raise self.fail(f"needs 1 or 4 variances above 0, found {list(param.variance)}")
        if any(ratio <= 0 for ratio in param.aspect_ratio):
            raise self.fail(f"aspect ratios must be above 0, found {list(param.aspect_ratio)}")
        self.ratios = [1.0]
        for ratio in param.aspect_ratio:
            if any(abs(ratio - known) < 1e-6 for known in self.ratios):
                continue
            self.ratios += [ratio, 1 / ratio] if param.flip else [ratio]
        self.image = self._pair("img_size", "img_h", "img_w")
        self.step = self._pair("step", "step_h", "step_w")

    def _pair(self, both: str, high: str, wide: str) -> tuple[float, float]:
        """(height, width) of a setting that is given once for both or once for each; 0 where it is not given."""
        param = self.param.prior_box_param
        for name in (both, high, wide):
            if param.HasField(name) and not 0 < getattr(param, name) < math.inf:
                raise self.fail(f"{name} must be above 0, found {getattr(param, name):g}")
        if param.HasField(both):
            if param.HasField(high) or param.HasField(wide):
                raise self.fail(f"give either {both} or {high} and {wide}")
            return getattr(param, both), getattr(param, both)
        return getattr(param, high), getattr(param, wide)

    def boxes(self) -> list[tuple[float, float]]:
        """(width, height) in pixels of the boxes of one position."""
        param = self.param.prior_box_param
        sizes = []
        for i, size in enumerate(param.min_size):
            sizes.append((size, size))
            if param.max_size:
                between = math.sqrt(size * param.max_size[i])
                sizes.append((between, between))
            sizes += [(size * math.sqrt(r), size / math.sqrt(r)) for r in self.ratios if abs(r - 1) >= 1e-6]
        return sizes

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom[0].shape) != 4 or len(bottom[1].shape) != 4:
            raise self.fail(f"needs blobs of 4 axes, found shapes {bottom[0].shape} and {bottom[1].shape}")
        self.map, given = bottom[0].shape[2:], bottom[1].shape[2:]
        self.size = tuple(own or other for own, other in zip(self.image, given))
        top[0].adopt_shape((1, 2, self.map[0] * self.map[1] * len(self.boxes()) * 4))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.prior_box_param
        (rows, columns), (high, wide) = self.map, self.size
        step = [given or size / count for given, size, count in zip(self.step, self.size, self.map)]
        y = (torch.arange(rows, dtype=torch.float64) + param.offset) * step[0]
        x = (torch.arange(columns, dtype=torch.float64) + param.offset) * step[1]
        half = torch.tensor(self.boxes(), dtype=torch.float64) / 2
        centre = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[:, :, None]
        image = torch.tensor([wide, high, wide, high], dtype=torch.float64)
        corners = (torch.cat([centre - half, centre + half], dim=-1) / image).float().reshape(-1)
        if param.clip:
            corners = corners.clamp(0, 1)
        variances = torch.tensor((list(param.variance) or [0.1]) * (4 if len(param.variance) < 2 else 1))
        both = torch.stack([corners, variances.repeat(corners.numel() // 4)])
        return [both[None].to(inputs[0].device)]
