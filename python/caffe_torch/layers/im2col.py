"""Im2col: the windows of a convolution as columns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.convolution_geometry import ConvolutionGeometry
from caffe_torch.layers.shapes import count


@register("Im2col")
class Im2col(FunctionLayer):
    """Every window as a column: channels become channels x kernel size, in kernel order."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.geometry = ConvolutionGeometry(self, bottom[0])

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        axis, shape = self.geometry.channel_axis, bottom[0].shape
        columns = shape[axis] * count(self.geometry.kernel)
        top[0].adopt_shape((*shape[:axis], columns, *self.geometry.output(shape[axis + 1 :])))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        geometry, x = self.geometry, inputs[0]
        leading, channels = x.shape[: geometry.channel_axis], x.shape[geometry.channel_axis]
        sizes = geometry.output(x.shape[geometry.channel_axis + 1 :])
        x = x.reshape(-1, channels, *x.shape[geometry.channel_axis + 1 :])
        x = F.pad(x, [p for pad in reversed(geometry.pad) for p in (pad, pad)])
        for i, (k, s, d, n) in enumerate(zip(geometry.kernel, geometry.stride, geometry.dilation, sizes)):
            # Spatial axis i lies behind the i kernel and i output axes made so far: (n, c, k0, o0, k1, o1, ..., rest).
            where = (torch.arange(k) * d)[:, None] + (torch.arange(n) * s)[None, :]
            axis = 2 + 2 * i
            x = x.index_select(axis, where.reshape(-1).to(x.device)).unflatten(axis, (k, n))
        axes = len(sizes)
        kernels, outputs = [2 + 2 * i for i in range(axes)], [3 + 2 * i for i in range(axes)]
        return [x.permute(0, 1, *kernels, *outputs).reshape(*leading, channels * count(geometry.kernel), *sizes)]
