"""Convolutions of images in the memory format that computes fastest, in parts, or by way of the Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import faster
from caffe_torch.layers.convolution import BaseConvolution, Convolution, Deconvolution
from caffe_torch.layers.fast import fourier
from caffe_torch.layers.fast.images import batch_slices, without_memory
from caffe_torch.layers.fork.depthwise import DepthwiseConvolution
from caffe_torch.runtime import precision

#: Elements of a part of a batch that a thread takes, where its memory format has to change.
_PART = 1 << 20


def _fast(x: Tensor) -> Tensor:
    """``x`` in the memory format that computes fastest.

    On a CPU that is channels last, by a factor of two, and pooling, LRN and ReLU downstream keep it.
    """
    fast = x.device.type == "cpu" or precision.current() == "bf16"
    return x.contiguous(memory_format=torch.channels_last) if fast else x


class _FastConvolution(BaseConvolution):
    """Over two spatial axes behind images and channels; all else by the reference class."""

    #: The way through the Fourier transform for the shape of an input, where it is faster than the direct sum.
    _plan: tuple[torch.Size, fourier.FourierConvolution | None] | None = None

    @property
    def _on_images(self) -> bool:
        return self.geometry.channel_axis == 1 and self.geometry.axes == 2

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        if not self._on_images:
            super().forward(bottom, top)
            return
        weight, bias = self.blobs[0].tensor().data, self.blobs[1].tensor().data if len(self.blobs) > 1 else None
        for b, t in zip(bottom, top):
            x = b.tensor().data
            way, pieces = self._fourier(x), self._parts(x)
            if way is None and len(pieces) == 1:
                t.release()
                t.assign(self.convolve(_fast(x), weight, bias))
                continue
            y = t.buffer(without_memory(t.shape, channels_last=True), x.device)
            if way:
                way.forward(_fast(x), weight, bias, y)
            else:
                for part in pieces:
                    y[part] = self.convolve(_fast(x[part]), weight, bias)
            t.assign(y)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not self._on_images:
            super().backward(top, propagate_down, bottom)
            return
        flags = [*(self.param_propagate_down or [True] * len(self.blobs)), False][:2]
        weight = self.blobs[0].tensor().data
        for b, t, wanted in zip(bottom, top, propagate_down):
            dy = _fast(t.diff_tensor().data)
            if flags[1]:
                self.blobs[1].accumulate_diff(dy.sum(dim=[0, 2, 3]))
            if not (wanted or flags[0]):
                continue
            x = b.tensor().data
            way = self._fourier(x)
            if way:
                dx = b.diff_buffer(_fast(x)) if wanted else None
                dw = torch.empty_like(weight) if flags[0] else None
                way.backward(_fast(x), weight, dy, dx, dw)
                if dw is not None:
                    self.blobs[0].accumulate_diff(dw)
            else:
                if wanted:
                    b.release_diff()
                dx = self._direct_backward(x, weight, dy, wanted, flags[0])
            if dx is not None:
                b.assign_diff(dx)

    def _parts(self, x: Tensor) -> list[slice]:
        """A batch whose memory format has to change is computed in parts, so that no second whole one is needed."""
        return batch_slices(x.shape, x.device, _PART) if _fast(x[:1]).stride() != x[:1].stride() else [slice(None)]

    def _fourier(self, x: Tensor) -> fourier.FourierConvolution | None:
        """The way through the Fourier transform, where it is faster."""
        stride, pad, dilation = self.steps()
        if self.transposed or not stride == dilation == (1, 1):
            return None
        if x.device.type != "cpu" or precision.current() == "bf16":
            return None
        if self._plan is None or self._plan[0] != x.shape:
            shape, pads = self.blobs[0].shape, (pad[0], pad[1])
            way = None
            if fourier.worthwhile(x.shape, shape, pads, self.group):
                way = fourier.FourierConvolution((x.shape[2], x.shape[3]), (shape[2], shape[3]), pads, self.group)
            self._plan = x.shape, way
        return self._plan[1]

    def _direct_backward(
        self, x: Tensor, weight: Tensor, dy: Tensor, dx_wanted: bool, dw_wanted: bool
    ) -> Tensor | None:
        """The gradient by ``x``, where it is wanted; the one by the weights goes to their blob."""
        stride, pad, dilation = self.steps()
        nothing, mask, gradients = [0] * len(stride), [dx_wanted, dw_wanted, False], []
        for part in self._parts(x):
            factors = precision.factors(dy[part], _fast(x[part]), weight)
            dx, dw, _ = torch.ops.aten.convolution_backward(
                *factors, None, stride, pad, dilation, self.transposed, nothing, self.group, mask
            )
            if dw_wanted:
                self.blobs[0].accumulate_diff(dw.float().contiguous())
            if dx_wanted:
                gradients.append(dx.float())
        return torch.cat(gradients) if len(gradients) > 1 else gradients[0] if gradients else None


@faster(Convolution)
class FastConvolution(_FastConvolution, Convolution):
    pass


@faster(Deconvolution)
class FastDeconvolution(_FastConvolution, Deconvolution):
    pass


@faster(DepthwiseConvolution)
class FastDepthwiseConvolution(_FastConvolution, DepthwiseConvolution):
    pass
