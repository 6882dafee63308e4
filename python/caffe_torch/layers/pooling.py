"""Pooling (MAX, AVE, STOCHASTIC), with Caffe's rounding and clipping of the last windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.pooling_window import PoolingWindow, read_window


@register("Pooling")
class Pooling(FunctionLayer):
    """MAX, AVE or STOCHASTIC pooling; MAX gives the positions of its maxima as a second top, where one is named."""

    tops = (1, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.pooling_param
        if len(top) > 1 and param.pool != param.MAX:
            raise self.fail("only MAX pooling has a second top")
        if param.pool == param.STOCHASTIC and (param.pad or param.pad_h or param.pad_w):
            raise self.fail("STOCHASTIC pooling takes no padding")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        self.need_four_axes(bottom[0])
        self.window = read_window(self, self.param.pooling_param, (shape[2], shape[3]))
        output = self.window.output((shape[2], shape[3]))
        if min(output) < 1:
            raise self.fail(f"the kernel {self.window.kernel} does not fit into the input {shape[2]} x {shape[3]}")
        for blob in top:
            blob.adopt_shape((shape[0], shape[1], *output))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.pooling_param, inputs[0]
        if param.pool == param.MAX:
            y, index = pool_max(x, self.window)
            return [y, index.to(x.dtype)]
        if param.pool == param.AVE:
            return [pool_average(x, self.window)]
        return [pool_stochastic(x, self.window, self.phase == 0)]


def pool_max(x: Tensor, window: PoolingWindow) -> tuple[Tensor, Tensor]:
    """The largest value of every window, the first of equals, and its position h * width + w as float32."""
    spatial, output = (x.shape[2], x.shape[3]), window.output((x.shape[2], x.shape[3]))
    if window.torch_output(spatial) == output:
        y, index = F.max_pool2d(x, window.kernel, window.stride, window.pad, ceil_mode=True, return_indices=True)
        return y, index
    left, right, above, below = window.padding(spatial, output)
    lowest = torch.finfo(x.dtype).min
    padded = F.pad(x, [left, right, above, below], value=lowest)
    y, index = F.max_pool2d(padded, window.kernel, window.stride, return_indices=True)
    row, column = index // padded.shape[3] - above, index % padded.shape[3] - left
    outside = (row < 0) | (row >= spatial[0]) | (column < 0) | (column >= spatial[1])
    return y, torch.where(outside, -1, row * spatial[1] + column)


def pool_average(x: Tensor, window: PoolingWindow) -> Tensor:
    """The mean of every window; padding counts as zeros, but not what lies beyond it."""
    spatial, output = (x.shape[2], x.shape[3]), window.output((x.shape[2], x.shape[3]))
    if window.torch_output(spatial) == output:
        return F.avg_pool2d(x, window.kernel, window.stride, window.pad, ceil_mode=True, count_include_pad=True)
    padded = F.pad(x, window.padding(spatial, output))
    total = F.avg_pool2d(padded, window.kernel, window.stride, divisor_override=1)
    sides = []
    for n, k, s, p, o in zip(spatial, window.kernel, window.stride, window.pad, output):
        start = torch.arange(o) * s - p
        sides.append((start + k).clamp(max=n + p) - start)
    area = (sides[0][:, None] * sides[1][None, :]).to(x.dtype).to(x.device)
    return total / area


def pool_stochastic(x: Tensor, window: PoolingWindow, train: bool) -> Tensor:
    """TRAIN: one value a window, drawn with probability in proportion to it; TEST: their mean under it."""
    output = window.output((x.shape[2], x.shape[3]))
    padded = F.pad(x, window.padding((x.shape[2], x.shape[3]), output))
    values = padded.unfold(2, window.kernel[0], window.stride[0]).unfold(3, window.kernel[1], window.stride[1])
    values = values.flatten(4)
    weights = values.detach()
    if not train:
        total = weights.sum(dim=-1)
        return (values * weights).sum(dim=-1) / torch.where(total > 0, total, 1.0)
    limit = torch.rand(values.shape[:-1], device=x.device) * weights.sum(dim=-1)
    chosen = (weights.cumsum(dim=-1) < limit.unsqueeze(-1)).sum(dim=-1, keepdim=True)
    return values.gather(-1, chosen.clamp(max=values.shape[-1] - 1)).squeeze(-1)
