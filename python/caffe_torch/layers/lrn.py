"""LRN: local response normalisation across channels or within one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register

#: Elements worked on at a time on a CPU: a few buffers of this size stay in its caches.
_BLOCK = 1 << 18


class _Rows:
    """Tensors of one layout, cut into the same blocks of rows; channels last as (rows, channels), else (n, c, rest)."""

    def __init__(self, like: Tensor):
        n, c = like.shape[:2]
        self._last = not like.is_contiguous() and like.is_contiguous(memory_format=torch.channels_last)
        rows = like.numel() // max(c, 1) if self._last else n
        step = max(1, _BLOCK * rows // max(like.numel(), 1)) if like.device.type == "cpu" else max(rows, 1)
        self._blocks = [slice(i, i + step) for i in range(0, rows, step)]
        first = self.view(like)[self._blocks[0]] if self._blocks else like
        #: Memory for three intermediate results of one block.
        self._scratch = [torch.empty_like(first, memory_format=torch.contiguous_format) for _ in range(3)]

    def view(self, x: Tensor) -> Tensor:
        n, c = x.shape[:2]
        return x.permute(0, 2, 3, 1).reshape(-1, c) if self._last else x.reshape(n, c, -1)

    def blocks(self, *tensors: Tensor) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """(the block of each tensor, three scratch tensors of its shape), block after block."""
        views = [self.view(x) for x in tensors]
        for block in self._blocks:
            parts = [v[block] for v in views]
            yield parts, [s[: parts[0].shape[0]] for s in self._scratch]


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


@register("LRN")
class LRN(FunctionLayer):
    """x times s ** -beta, s = k + alpha / n * (sum of squares) over the n = local_size channels around.

    WITHIN_CHANNEL: over a window of local_size x local_size around instead, always divided by its full area, k = 1.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.lrn_param
        if param.local_size % 2 != 1:
            raise self.fail(f"local_size must be odd, found {param.local_size}")
        self._across = param.norm_region == param.ACROSS_CHANNELS
        self._rows: tuple[Any, _Rows] | None = None

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom[0].shape) != 4:
            raise self.fail(f"needs a blob of 4 axes (n, channels, height, width), found shape {bottom[0].shape}")
        top[0].adopt_shape(bottom[0].shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.lrn_param, inputs[0]
        mean = F.avg_pool2d(x * x, param.local_size, stride=1, padding=param.local_size // 2)
        return [x * (1 + param.alpha * mean).pow(-param.beta)]

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        if not self._across:
            super().forward(bottom, top)
            return
        x = self._input(bottom[0])
        y = top[0].room(x)
        for (xs, ys), (squares, scale, power) in self._blocks(x, y):
            self._scale(xs, squares, scale, power)
            torch.mul(xs, power, out=ys)
        top[0].assign(y)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if not self._across:
            super().backward(top, propagate_down, bottom)
            return
        if not propagate_down[0]:
            return
        param = self.param.lrn_param
        x, dy = self._input(bottom[0]), top[0].diff_tensor().data
        if dy.stride() != x.stride():
            dy = torch.empty_like(x).copy_(dy)
        dx = bottom[0].diff_room(x)
        for (xs, gs, ds), (terms, scale, power) in self._blocks(x, dy, dx):
            # The scale is computed again, which costs less than the memory that would keep it.
            self._scale(xs, terms, scale, power)
            torch.mul(gs, power, out=ds)
            torch.mul(ds, xs, out=terms).mul_(scale)
            _window_sum(terms, param.local_size // 2, scale, power)
            ds.addcmul_(scale, xs, value=-2.0 * param.alpha * param.beta / param.local_size)
        bottom[0].assign_diff(dx)

    def _input(self, blob: Blob) -> Tensor:
        x = blob.tensor().data
        return x if x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()

    def _blocks(self, x: Tensor, *more: Tensor) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        layout = (x.shape, x.stride(), x.device)
        if self._rows is None or self._rows[0] != layout:
            self._rows = layout, _Rows(x)
        return self._rows[1].blocks(x, *more)

    def _scale(self, x: Tensor, squares: Tensor, scale: Tensor, power: Tensor) -> None:
        """1 / s into ``scale``, s ** -beta into ``power``."""
        param = self.param.lrn_param
        torch.square(x, out=squares).mul_(param.alpha / param.local_size)
        _window_sum(squares, param.local_size // 2, scale, power)
        _invert(scale.add_(param.k), param.beta, power)
