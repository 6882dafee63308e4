"""Convolution and Deconvolution over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.convolution_geometry import ConvolutionGeometry
from caffe_torch.layers.fillers import fill
from caffe_torch.layers.shapes import count
from caffe_torch.runtime import precision


class BaseConvolution(FunctionLayer):
    """What the two directions share: blobs are weights (first axis: outputs, or inputs when transposed) and bias."""

    bottoms = (1, None)
    tops = (1, None)
    transposed = False

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom) != len(top):
            raise self.fail(f"needs as many tops as bottoms, found {len(bottom)} bottoms and {len(top)} tops")
        param = self.param.convolution_param
        self.geometry = geometry = ConvolutionGeometry(self, bottom[0])
        if geometry.axes > 3:
            raise self.fail(f"at most 3 spatial axes are supported, found {geometry.axes}")
        self.channels = bottom[0].shape[geometry.channel_axis]
        self.outputs, self.group = param.num_output, param.group
        if self.outputs < 1 or self.group < 1:
            raise self.fail(f"num_output {self.outputs} and group {self.group} must be 1 or more")
        if self.channels % self.group or self.outputs % self.group:
            raise self.fail(f"group {self.group} must divide channels {self.channels} and num_output {self.outputs}")
        first, second = (self.channels, self.outputs) if self.transposed else (self.outputs, self.channels)
        if not self.blobs:
            fill(self.new_blob(first, second // self.group, *geometry.kernel), param.weight_filler)
            if param.bias_term:
                fill(self.new_blob(self.outputs), param.bias_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        axis = self.geometry.channel_axis
        for b, t in zip(bottom, top):
            if b.shape != bottom[0].shape:
                raise self.fail(f"all bottoms must have one shape, found {bottom[0].shape} and {b.shape}")
            if len(b.shape) != axis + 1 + self.geometry.axes or b.shape[axis] != self.channels:
                raise self.fail(f"was set up for {self.channels} channels on axis {axis}, found shape {b.shape}")
            sizes = self.geometry.input if self.transposed else self.geometry.output
            t.adopt_shape((*b.shape[:axis], self.outputs, *sizes(b.shape[axis + 1 :])))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        bias, axis = params[1] if len(params) > 1 else None, self.geometry.channel_axis
        # PyTorch wants one axis of images and at least one spatial axis.
        weight = params[0] if self.geometry.axes else params[0].unsqueeze(-1)
        results = []
        for x in inputs:
            leading, spatial = x.shape[:axis], x.shape[axis + 1 :]
            y = self.convolve(x.reshape(count(leading), self.channels, *(spatial or (1,))), weight, bias)
            results.append(y.reshape(*leading, self.outputs, *(y.shape[2:] if spatial else ())))
        return results

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The result for (images, channels, spatial axes), in float32."""
        stride, pad, dilation = self.steps()
        x, weight = precision.factors(x, weight)
        bias, nothing = None if bias is None else bias.to(x.dtype), [0] * len(stride)
        return torch.convolution(x, weight, bias, stride, pad, dilation, self.transposed, nothing, self.group).float()

    def steps(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Stride, pad and dilation, one entry per spatial axis of ``convolve``."""
        geometry = self.geometry
        return geometry.stride or (1,), geometry.pad or (0,), geometry.dilation or (1,)


@register("Convolution")
class Convolution(BaseConvolution):
    """Correlation with learned kernels; output sizes round down."""


@register("Deconvolution")
class Deconvolution(BaseConvolution):
    """The gradient of a convolution as a layer of its own."""

    transposed = True
