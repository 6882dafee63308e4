"""PSROIPooling of R-FCN: cell (i, j) of a region averages its own group of channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fork.roi_pooling import regions, rounded


@register("PSROIPooling")
class PSROIPooling(FunctionLayer):
    """Bottoms: features of output_dim x group_size^2 channels, regions (R, 5); top (R, output_dim, size, size)."""

    bottoms = (2, 2)
    no_gradient = (1,)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.psroi_pooling_param
        self.size, self.outputs, self.scale = param.group_size, param.output_dim, param.spatial_scale
        if self.size < 1 or self.outputs < 1 or not self.scale > 0:
            raise self.fail(
                f"group_size {self.size} and output_dim {self.outputs} must be 1 or more and spatial_scale above 0, "
                f"found {self.scale}"
            )

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, needed = bottom[0].shape, self.outputs * self.size * self.size
        if len(shape) != 4 or shape[1] != needed:
            raise self.fail(f"needs features of 4 axes with {needed} channels, found shape {shape}")
        top[0].adopt_shape((bottom[1].count // 5, self.outputs, self.size, self.size))
        self._regions = bottom[1]

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0]
        n, _, height, width = x.shape
        image, boxes = regions(self, self._regions, n)
        x = x.reshape(n, self.outputs, self.size, self.size, height, width)
        rows = self._cells(boxes[:, 1], boxes[:, 3], height)
        columns = self._cells(boxes[:, 0], boxes[:, 2], width)
        y = x.new_zeros(len(boxes), self.outputs, self.size, self.size)
        for plane in image.unique().tolist():
            own = image == plane
            row, column = rows[own], columns[own]
            cells = [
                torch.einsum("dhw,rh,rw->rd", x[plane, :, i, j], row[:, i], column[:, j])
                for i in range(self.size)
                for j in range(self.size)
            ]
            total = torch.stack(cells, dim=2).reshape(-1, self.outputs, self.size, self.size)
            area = row.sum(dim=2)[:, :, None] * column.sum(dim=2)[:, None, :]
            # A cell without a pixel gives 0.
            y = y.index_put((own.nonzero()[:, 0],), total / area.clamp(min=1)[:, None])
        return [y]

    def _cells(self, low: Tensor, high: Tensor, size: int) -> Tensor:
        """1 for the pixels of each cell along one axis: (regions, cells, pixels)."""
        start, end = rounded(low) * self.scale, (rounded(high) + 1) * self.scale
        step = ((end - start).clamp(min=0.1) / self.size)[:, None]
        index = torch.arange(self.size, dtype=step.dtype, device=step.device)
        first = torch.floor(index * step + start[:, None]).clamp(0, size)[:, :, None]
        last = torch.ceil((index + 1) * step + start[:, None]).clamp(0, size)[:, :, None]
        pixel = torch.arange(size, dtype=step.dtype, device=step.device)
        return ((pixel >= first) & (pixel < last)).to(step.dtype)
