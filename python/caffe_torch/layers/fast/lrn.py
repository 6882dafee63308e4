"""LRN across channels, part by part and with its own gradient, so that no whole blob stands between its steps."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import faster
from caffe_torch.layers.fast.images import Images, batch_slices, is_channels_last, without_memory
from caffe_torch.layers.lrn import LRN
from caffe_torch.runtime import device
from caffe_torch.runtime.threads import share_out


def _rows(x: Tensor) -> Tensor:
    """``x`` as (rows, channels) where it is channels last, else as (n, channels, rest): channels are axis 1 in both."""
    if is_channels_last(x):
        return x.permute(0, 2, 3, 1).flatten(0, 2)
    return x.flatten(2)


def _window_sum(x: Tensor, half: int, out: Tensor, spare: Tensor) -> None:
    """Into ``out``, the sum of every channel (axis 1) of ``x`` and of up to ``half`` channels on either side."""
    channels = x.shape[1]
    if x.dim() == 2 and x.is_contiguous() and channels > 2 * half:
        _flat_window_sum(x, half, out, spare)
        return
    out.copy_(x)
    for distance in range(1, min(half, channels - 1) + 1):
        kept = channels - distance
        out.narrow(1, distance, kept).add_(x.narrow(1, 0, kept))
        out.narrow(1, 0, kept).add_(x.narrow(1, distance, kept))


def _flat_window_sum(x: Tensor, half: int, out: Tensor, spare: Tensor) -> None:
    """As though all rows were one: several times faster than row by row; then the rows' ends are put right."""
    flat, result, size = x.view(-1), out.view(-1), x.numel()
    if half == 2:  # local_size 5, by way of the sums of two neighbours: three additions in place of four and a copy
        pairs = torch.add(flat[:-1], flat[1:], out=spare.view(-1)[:-1])
        torch.add(pairs[:-2], pairs[2:], out=result[2:-1])
        result[2:-2].add_(flat[4:])
    else:
        result.copy_(flat)
        for distance in range(1, half + 1):
            result[distance:].add_(flat[: size - distance])
            result[: size - distance].add_(flat[distance:])
    channels = x.shape[1]
    for columns in (range(channels), range(channels - 1, -1, -1)):
        total = x[:, columns[0]].clone()
        for i in range(1, half + 1):
            total.add_(x[:, columns[i]])
        for i in range(half):
            out[:, columns[i]].copy_(total)
            total.add_(x[:, columns[i + half + 1]])


def _invert(scale: Tensor, beta: float, power: Tensor) -> None:
    """Put ``scale`` ** -beta into ``power``, and make ``scale`` its reciprocal.

    The usual beta of 3/4 comes from two square roots: ``pow`` is several times slower on a CPU.
    """
    if beta == 0.75:
        torch.rsqrt(scale.rsqrt_(), out=power)
        power.mul_(scale.square_())
    else:
        torch.pow(scale, -beta, out=power)
        scale.reciprocal_()


@faster(LRN)
class FastLRN(LRN):
    """Across channels on a CPU; within one, and on a device, it leaves all to the reference class."""

    @property
    def _is_faster(self) -> bool:
        # A device has the reference class's kernels, and each of the many small ones here would be a launch.
        return self.across and device.current().type == "cpu"

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self._is_faster:
            # Max pooling, which follows mostly, takes it part by part.
            top[0].defer(partial(self._output, bottom[0]), self._like(bottom[0]), bottom[0])
        else:
            super().forward(bottom, top)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not self._is_faster:
            super().backward(top, propagate_down, bottom)
        elif propagate_down[0]:
            x, dx = bottom[0].tensor().data, bottom[0].diff_buffer(self._like(bottom[0]))
            gradients = Images(top[0].deferred_diff(), top[0].shape, top[0].diff_tensor)
            share_out(lambda part: self._gradient(x[part], gradients.part(part), dx[part]), gradients.batch_slices())
            bottom[0].assign_diff(dx)

    def _like(self, blob: Blob) -> Tensor:
        """A tensor without memory, laid out as the output and the gradient are."""
        x = blob.tensor()
        return without_memory(x.shape, is_channels_last(x))

    def _output(self, bottom: Blob, images: slice, y: Tensor) -> None:
        """Write the output for some images into ``y``."""
        x = bottom.tensor().data[images]

        def normalise(part: slice) -> None:
            xs, out = _rows(_in_layout_of(x[part], y[part])), _rows(y[part])
            _, power = self._scale(xs)
            torch.mul(xs, power, out=out)

        share_out(normalise, batch_slices(y.shape, y.device))

    def _gradient(self, x: Tensor, dy: Tensor, dx: Tensor) -> None:
        """Write the gradient by the images ``x`` into ``dx``."""
        param = self.param.lrn_param
        # The scale is computed again, which costs less than the memory that would keep it.
        xs, gradients, out = _rows(_in_layout_of(x, dx)), _rows(_in_layout_of(dy, dx)), _rows(dx)
        scale, power = self._scale(xs)
        torch.mul(gradients, power, out=out)
        terms = torch.mul(out, xs).mul_(scale)
        _window_sum(terms, param.local_size // 2, scale, power)
        out.addcmul_(scale, xs, value=-2.0 * param.alpha * param.beta / param.local_size)

    def _scale(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """1 / s and s ** -beta."""
        param = self.param.lrn_param
        squares, scale, power = torch.square(x).mul_(param.alpha / param.local_size), _empty(x), _empty(x)
        _window_sum(squares, param.local_size // 2, scale, power)
        _invert(scale.add_(param.k), param.beta, power)
        return scale, power


def _empty(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _in_layout_of(x: Tensor, like: Tensor) -> Tensor:
    return x if x.stride() == like.stride() else torch.empty_like(like).copy_(x)
