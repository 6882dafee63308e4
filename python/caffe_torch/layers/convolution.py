"""Convolution, Deconvolution and Im2col over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob import Blob
from caffe_torch.fillers import fill
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.shapes import count
from caffe_torch.layers.window import ConvolutionWindow

_FORWARD = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class _Convolution(FunctionLayer):
    """What the two directions share: blobs are weights (first axis: outputs, or inputs when transposed) and bias."""

    bottoms = (1, None)
    tops = (1, None)
    transposed = False

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom) != len(top):
            raise self.fail(f"needs as many tops as bottoms, found {len(bottom)} bottoms and {len(top)} tops")
        param = self.param.convolution_param
        self.window = window = ConvolutionWindow(self, bottom[0])
        if window.axes > 3:
            raise self.fail(f"at most 3 spatial axes are supported, found {window.axes}")
        self.channels = bottom[0].shape[window.channel_axis]
        self.outputs, self.group = param.num_output, param.group
        if self.outputs < 1 or self.group < 1:
            raise self.fail(f"num_output {self.outputs} and group {self.group} must be 1 or more")
        if self.channels % self.group or self.outputs % self.group:
            raise self.fail(f"group {self.group} must divide channels {self.channels} and num_output {self.outputs}")
        first, second = (self.channels, self.outputs) if self.transposed else (self.outputs, self.channels)
        if not self.blobs:
            fill(self.new_blob(first, second // self.group, *window.kernel), param.weight_filler)
            if param.bias_term:
                fill(self.new_blob(self.outputs), param.bias_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        axis = self.window.channel_axis
        for b, t in zip(bottom, top):
            if b.shape != bottom[0].shape:
                raise self.fail(f"all bottoms must have one shape, found {bottom[0].shape} and {b.shape}")
            if len(b.shape) != axis + 1 + self.window.axes or b.shape[axis] != self.channels:
                raise self.fail(f"was set up for {self.channels} channels on axis {axis}, found shape {b.shape}")
            sizes = self.window.input if self.transposed else self.window.output
            t.adopt_shape((*b.shape[:axis], self.outputs, *sizes(b.shape[axis + 1 :])))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return [self._apply(x, params[0], params[1] if len(params) > 1 else None) for x in inputs]

    def _apply(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        window = self.window
        axes = max(window.axes, 1)
        spatial = x.shape[window.channel_axis + 1 :] or (1,)
        leading = x.shape[: window.channel_axis]
        if window.channel_axis != 1 or window.axes == 0:
            x = x.reshape(count(leading), self.channels, *spatial)
        if window.axes == 0:
            weight = weight.unsqueeze(-1)
        if axes == 2 and x.device.type == "cpu":
            # Twice as fast on CPUs, and pooling, LRN and ReLU downstream keep the format.
            x = x.contiguous(memory_format=torch.channels_last)
        stride, pad, dilation = (window.stride or 1), (window.pad or 0), (window.dilation or 1)
        if self.transposed:
            y = _TRANSPOSED[axes](x, weight, bias, stride, pad, 0, self.group, dilation)
        else:
            y = _FORWARD[axes](x, weight, bias, stride, pad, dilation, self.group)
        if window.channel_axis != 1 or window.axes == 0:
            y = y.reshape(*leading, self.outputs, *(y.shape[2:] if window.axes else ()))
        return y


@register("Convolution")
class Convolution(_Convolution):
    """Correlation with learned kernels; output sizes round down."""


@register("Deconvolution")
class Deconvolution(_Convolution):
    """The gradient of a convolution as a layer of its own."""

    transposed = True


@register("Im2col")
class Im2col(FunctionLayer):
    """Every window as a column: channels become channels x kernel size, in kernel order."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.window = ConvolutionWindow(self, bottom[0])

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        axis, shape = self.window.channel_axis, bottom[0].shape
        columns = shape[axis] * count(self.window.kernel)
        top[0].adopt_shape((*shape[:axis], columns, *self.window.output(shape[axis + 1 :])))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        window, x = self.window, inputs[0]
        leading, channels = x.shape[: window.channel_axis], x.shape[window.channel_axis]
        sizes = window.output(x.shape[window.channel_axis + 1 :])
        x = x.reshape(-1, channels, *x.shape[window.channel_axis + 1 :])
        x = F.pad(x, [p for pad in reversed(window.pad) for p in (pad, pad)])
        for i, (k, s, d, n) in enumerate(zip(window.kernel, window.stride, window.dilation, sizes)):
            # Spatial axis i lies behind the i kernel and i output axes made so far: (n, c, k0, o0, k1, o1, ..., rest).
            where = (torch.arange(k) * d)[:, None] + (torch.arange(n) * s)[None, :]
            axis = 2 + 2 * i
            x = x.index_select(axis, where.reshape(-1).to(x.device)).unflatten(axis, (k, n))
        axes = len(sizes)
        kernels, outputs = [2 + 2 * i for i in range(axes)], [3 + 2 * i for i in range(axes)]
        return [x.permute(0, 1, *kernels, *outputs).reshape(*leading, channels * count(window.kernel), *sizes)]
