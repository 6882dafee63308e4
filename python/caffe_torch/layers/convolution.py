"""Convolution, Deconvolution and Im2col over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers import fourier
from caffe_torch.layers.base import FunctionLayer, Layer, register
from caffe_torch.layers.fillers import fill
from caffe_torch.layers.images import parts
from caffe_torch.layers.shapes import count
from caffe_torch.layers.window import ConvolutionWindow
from caffe_torch.runtime import precision

#: Elements of a part of a batch that a thread takes, where its memory format has to change.
_PART = 1 << 20


class _Convolution(Layer):
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
        self._plan: tuple[torch.Size, fourier.FourierConvolution | None] | None = None
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

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        weight, bias = self._weight(), self.blobs[1].tensor().data if len(self.blobs) > 1 else None
        for b, t in zip(bottom, top):
            x = self._images(b.tensor().data, self.channels)
            way, pieces = self._fourier(x), self._parts(x)
            if way is None and len(pieces) == 1:
                t.release()
                t.assign(self._direct(_fast(x), weight, bias).reshape(t.shape))
                continue
            y = t.room(torch.empty(t.shape, device="meta", memory_format=torch.channels_last), x.device)
            if way:
                way.forward(_fast(x), weight, bias, y)
            else:
                for part in pieces:
                    y[part] = self._direct(_fast(x[part]), weight, bias)
            t.assign(y)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        flags = [*(self.param_propagate_down or [True] * len(self.blobs)), False][:2]
        weight = self._weight()
        for b, t, wanted in zip(bottom, top, propagate_down):
            dy = _fast(self._images(t.diff_tensor().data, self.outputs))
            if flags[1]:
                self.blobs[1].accumulate_diff(dy.sum(dim=[0, *range(2, dy.dim())]))
            if not (wanted or flags[0]):
                continue
            x = self._images(b.tensor().data, self.channels)
            way = self._fourier(x)
            if way:
                dx = b.diff_room(_fast(x)) if wanted else None
                dw = torch.empty_like(weight) if flags[0] else None
                way.backward(_fast(x), weight, dy, dx, dw)
                if dw is not None:
                    self.blobs[0].accumulate_diff(dw)
            else:
                if wanted:
                    b.release_diff()
                dx = self._direct_backward(x, weight, dy, wanted, flags[0])
            if dx is not None:
                b.assign_diff(dx.reshape(b.shape))

    def _weight(self) -> Tensor:
        weight = self.blobs[0].tensor().data
        return weight if self.window.axes else weight.unsqueeze(-1)

    def _images(self, x: Tensor, channels: int) -> Tensor:
        """``x`` as (images, channels, spatial axes)."""
        window = self.window
        if window.channel_axis != 1 or window.axes == 0:
            leading, spatial = x.shape[: window.channel_axis], x.shape[window.channel_axis + 1 :] or (1,)
            x = x.reshape(count(leading), channels, *spatial)
        return x

    def _parts(self, x: Tensor) -> list[slice]:
        """A batch whose memory format has to change is computed in parts, so that no second whole one is needed."""
        plain = self.window.channel_axis == 1 and x.dim() == 4
        return parts(x.shape, x.device, _PART) if plain and _fast(x[:1]).stride() != x[:1].stride() else [slice(None)]

    def _arguments(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Stride, pad and dilation, one entry an axis of ``_images``."""
        window = self.window
        return window.stride or (1,), window.pad or (0,), window.dilation or (1,)

    def _fourier(self, x: Tensor) -> fourier.FourierConvolution | None:
        """The way through the Fourier transform, where it is faster."""
        stride, pad, dilation = self._arguments()
        fits = x.dim() == 4 and not self.transposed and stride == dilation == (1, 1)
        if not fits or x.device.type != "cpu" or precision.current() == "bf16":
            return None
        if self._plan is None or self._plan[0] != x.shape:
            shape, pads = self.blobs[0].shape, (pad[0], pad[1])
            way = None
            if fourier.worthwhile(x.shape, shape, pads, self.group):
                way = fourier.FourierConvolution((x.shape[2], x.shape[3]), (shape[2], shape[3]), pads, self.group)
            self._plan = x.shape, way
        return self._plan[1]

    def _direct(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        stride, pad, dilation = self._arguments()
        x, weight = precision.factors(x, weight)
        bias, nothing = None if bias is None else bias.to(x.dtype), [0] * len(stride)
        return torch.convolution(x, weight, bias, stride, pad, dilation, self.transposed, nothing, self.group).float()

    def _direct_backward(
        self, x: Tensor, weight: Tensor, dy: Tensor, dx_wanted: bool, dw_wanted: bool
    ) -> Tensor | None:
        """The gradient by ``x``, where it is wanted; the one by the weights goes to their blob."""
        stride, pad, dilation = self._arguments()
        nothing, mask, found = [0] * len(stride), [dx_wanted, dw_wanted, False], []
        for part in self._parts(x):
            factors = precision.factors(dy[part], _fast(x[part]), weight)
            dx, dw, _ = torch.ops.aten.convolution_backward(
                *factors, None, stride, pad, dilation, self.transposed, nothing, self.group, mask
            )
            if dw_wanted:
                self.blobs[0].accumulate_diff(dw.float().contiguous())
            if dx_wanted:
                found.append(dx.float())
        return torch.cat(found) if len(found) > 1 else found[0] if found else None


def _fast(x: Tensor) -> Tensor:
    """``x`` in the memory format that computes fastest.

    On a CPU that is channels last, by a factor of two, and pooling, LRN and ReLU downstream keep it.
    """
    if x.dim() == 4 and (x.device.type == "cpu" or precision.current() == "bf16"):
        return x.contiguous(memory_format=torch.channels_last)
    return x


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
