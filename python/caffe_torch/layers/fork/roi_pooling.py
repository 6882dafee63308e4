"""ROIPooling of Fast R-CNN: the largest value of each cell of a grid laid over each region of interest."""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, register


def rounded(values: Tensor) -> Tensor:
    """Rounded as C does it, halves away from zero."""
    return torch.sign(values) * torch.floor(values.abs() + 0.5)


def regions(layer: Layer, bottom: Blob, images: int) -> tuple[Tensor, Tensor]:
    """(image of each region as int64, its box x1 y1 x2 y2) of a blob with five numbers a region; checked."""
    if bottom.count % 5:
        raise layer.fail(f"needs regions of 5 numbers (image, x1, y1, x2, y2), found a blob of shape {bottom.shape}")
    rois = bottom.tensor().data.reshape(-1, 5)
    if not bool(torch.isfinite(rois).all()):
        row = int((~torch.isfinite(rois)).any(dim=1).nonzero()[0])
        raise layer.fail(f"region {row} is not finite: {rois[row].tolist()}")
    image = rois[:, 0].long()
    if len(image) and (int(image.min()) < 0 or int(image.max()) >= images):
        raise layer.fail(f"regions are of images {int(image.min())} to {int(image.max())}; the batch has {images}")
    return image, rois[:, 1:]


@register("ROIPooling")
class ROIPooling(Layer):
    """Bottoms: features (n, c, h, w) and regions (R, 5) in pixels of the image; top (R, c, pooled_h, pooled_w).

    A cell without a pixel, as of a box outside the image, gives 0. Of equal values the first in reading order counts.
    """

    bottoms = (2, 2)
    no_gradient = (1,)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.roi_pooling_param
        if param.pooled_h < 1 or param.pooled_w < 1:
            raise self.fail(f"pooled_h {param.pooled_h} and pooled_w {param.pooled_w} must be 1 or more")
        self.cells = (param.pooled_h, param.pooled_w)
        self.scale = param.spatial_scale

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.need_four_axes(bottom[0])
        top[0].adopt_shape((bottom[1].count // 5, bottom[0].shape[1], *self.cells))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        x = bottom[0].tensor().data
        n, channels, height, width = x.shape
        image, boxes = regions(self, bottom[1], n)
        rows = self._edges(boxes[:, 1], boxes[:, 3], self.cells[0], height)
        columns = self._edges(boxes[:, 0], boxes[:, 2], self.cells[1], width)
        y = x.new_zeros(len(boxes), channels, *self.cells)
        #: Where each value came from in its image's plane, -1 for none.
        self._source = torch.full_like(y, -1, dtype=torch.int64)
        self._image = image
        for i, (plane, row, column) in enumerate(zip(image.tolist(), rows, columns)):
            for w, (left, right) in enumerate(column):
                if right <= left:
                    continue
                # The first column of a row's maximum, then the first row: the first in reading order.
                values, at = x[plane, :, :, left:right].max(dim=2)
                for h, (above, below) in enumerate(row):
                    if below > above:
                        best, where = values[:, above:below].max(dim=1)
                        where = where + above
                        y[i, :, h, w] = best
                        self._source[i, :, h, w] = where * width + left + at.gather(1, where[:, None])[:, 0]
        top[0].assign(y)

    def _edges(self, low: Tensor, high: Tensor, cells: int, size: int) -> list[list[tuple[int, int]]]:
        """(first pixel, one behind the last) of each cell along one axis, for every region."""
        start, end = rounded(low * self.scale), rounded(high * self.scale)
        length = (end - start + 1).clamp(min=1)  # boxes turned inside out count as one pixel
        step = (length / cells)[:, None]
        index = torch.arange(cells, dtype=step.dtype, device=step.device)
        first = (torch.floor(index * step) + start[:, None]).clamp(0, size).long()
        last = (torch.ceil((index + 1) * step) + start[:, None]).clamp(0, size).long()
        return [list(zip(f, e)) for f, e in zip(first.tolist(), last.tolist())]

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not propagate_down[0]:
            return
        n, channels, height, width = bottom[0].shape
        dy = top[0].diff_tensor().data.reshape(self._source.shape)
        dx = dy.new_zeros(n * channels * height * width)
        plane = (self._image[:, None] * channels + torch.arange(channels, device=dy.device))[:, :, None, None]
        index = plane * (height * width) + self._source
        taken = self._source >= 0
        dx.index_add_(0, index[taken], dy[taken])
        bottom[0].assign_diff(dx.reshape(n, channels, height, width))
