"""LRN: local response normalisation across channels or within one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register

#: Elements worked on at a time on a CPU: several such buffers together stay in the cache.
_BLOCK = 1 << 18


def _view(x: Tensor) -> tuple[Tensor, int]:
    """``x`` as (images, ..., ...) without a copy, and the axis of its channels."""
    n, c = x.shape[:2]
    if not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last):
        return x.permute(0, 2, 3, 1).reshape(n, -1, c), 2
    return x.reshape(n, c, -1), 1


def _blocks(x: Tensor) -> list[slice]:
    n = x.shape[0]
    step = n if x.device.type != "cpu" else max(1, _BLOCK * n // max(x.numel(), 1))
    return [slice(i, i + step) for i in range(0, n, max(step, 1))]


def _add_neighbours(total: Tensor, terms: Tensor, axis: int, half: int) -> None:
    """Add to every channel of ``total`` the ``terms`` of up to ``half`` channels on either side."""
    channels = terms.shape[axis]
    for distance in range(1, min(half, channels - 1) + 1):
        kept = channels - distance
        total.narrow(axis, distance, kept).add_(terms.narrow(axis, 0, kept))
        total.narrow(axis, 0, kept).add_(terms.narrow(axis, distance, kept))


def _power(scale: Tensor, beta: float) -> Tensor:
    """scale ** -beta; for the usual 3/4 from square roots, as ``pow`` is several times slower on a CPU."""
    if beta == 0.75:
        root = scale.rsqrt()
        return root.sqrt().mul_(root)
    return scale.pow(-beta)


@register("LRN")
class LRN(FunctionLayer):
    """x times s ** -beta, s = k + alpha / n * (sum of squares) over the n = local_size channels around.

    WITHIN_CHANNEL: over a window of local_size x local_size around instead, always divided by its full area, k = 1.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self.param.lrn_param.local_size % 2 != 1:
            raise self.fail(f"local_size must be odd, found {self.param.lrn_param.local_size}")
        self._scale: Tensor | None = None

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if len(bottom[0].shape) != 4:
            raise self.fail(f"needs a blob of 4 axes (n, channels, height, width), found shape {bottom[0].shape}")
        top[0].adopt_shape(bottom[0].shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.lrn_param, inputs[0]
        mean = F.avg_pool2d(x * x, param.local_size, stride=1, padding=param.local_size // 2)
        return [x * (1 + param.alpha * mean).pow(-param.beta)]

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.lrn_param
        if param.norm_region == param.WITHIN_CHANNEL:
            super().forward(bottom, top)
            return
        x = bottom[0].tensor().data
        if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
            x = x.contiguous()
        y = _reuse(top[0].tensor().data, x)
        if self._scale is None or self._scale.stride() != x.stride() or self._scale.device != x.device:
            self._scale = torch.empty_like(x)
        (xv, axis), (yv, _), (sv, _) = _view(x), _view(y), _view(self._scale)
        for block in _blocks(xv):
            xs, s = xv[block], sv[block]
            squares = torch.square(xs).mul_(param.alpha / param.local_size)
            torch.add(squares, param.k, out=s)
            _add_neighbours(s, squares, axis, param.local_size // 2)
            torch.mul(xs, _power(s, param.beta), out=yv[block])
        self._x = x
        top[0].assign(y)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        param = self.param.lrn_param
        if param.norm_region == param.WITHIN_CHANNEL:
            super().backward(top, propagate_down, bottom)
            return
        if not propagate_down[0] or self._scale is None:
            return
        x, dy = self._x, top[0].diff_tensor().data
        if dy.stride() != x.stride():
            dy = torch.empty_like(x).copy_(dy)
        dx = _reuse(bottom[0].diff_tensor().data, x)
        (xv, axis), (sv, _), (gv, _), (dv, _) = _view(x), _view(self._scale), _view(dy), _view(dx)
        for block in _blocks(xv):
            xs, s, g, d = xv[block], sv[block], gv[block], dv[block]
            torch.mul(g, _power(s, param.beta), out=d)
            terms = torch.mul(d, xs).div_(s)
            total = terms.clone()
            _add_neighbours(total, terms, axis, param.local_size // 2)
            d.addcmul_(total, xs, value=-2.0 * param.alpha * param.beta / param.local_size)
        bottom[0].assign_diff(dx)


def _reuse(memory: Tensor, like: Tensor) -> Tensor:
    """``memory`` where it is laid out like ``like``, else new memory that is."""
    return memory if memory.stride() == like.stride() and memory.shape == like.shape else torch.empty_like(like)
