"""Convolutions of stride 1 on a CPU by way of the Fourier transform: fewer operations where kernel and batch are large.

A convolution is a product, bin by bin, of the transforms of its input and its weights. The images are so small that
the transforms are matrix products as well; all of them run in complex float32. Against float64 the result errs a tenth
as much as the direct sum in float32 does, as fewer terms are added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

#: Complex products run that much slower than the direct convolution's, measured on AlexNet's layers.
_SLOWDOWN = 2.2
#: Below this batch the transform of the weights is not worth it, nor are the products by then.
_LEAST_BATCH = 16

Pair = tuple[int, int]


def _waves(bins: int, positions: int, period: int, sign: int, shift: int = 0) -> Tensor:
    """exp(sign * 2 pi i * bin * (position - shift) / period), complex128 of (bins, positions)."""
    angle = torch.outer(torch.arange(bins).double(), torch.arange(positions).double() - shift) * (2 * math.pi / period)
    return torch.complex(torch.cos(angle), sign * torch.sin(angle))


class _Axis:
    """The transforms along one spatial axis as matrices, and their adjoints; ``half``: only the bins that a real needs.

    ``image``, ``kernel``: (bins, positions), to the bins. ``output``: (positions, bins), back from them.
    """

    def __init__(self, size: int, kernel: int, pad: int, half: bool):
        self.outputs = size + 2 * pad - kernel + 1
        # So long that nothing wraps round onto an input or output that counts.
        period = size + pad
        self.bins = period // 2 + 1 if half else period
        twice = torch.full((self.bins,), 2.0 if half else 1.0, dtype=torch.float64)
        if half:
            twice[0] = 1
            if period % 2 == 0:
                twice[-1] = 1
        output = (_waves(self.bins, self.outputs, period, 1) * (twice / period)[:, None]).t()
        self.image, self.image_adjoint = _with_adjoint(_waves(self.bins, size, period, -1))
        self.kernel, self.kernel_adjoint = _with_adjoint(_waves(self.bins, kernel, period, 1, pad))
        self.output, self.output_adjoint = _with_adjoint(output)


def _with_adjoint(matrix: Tensor) -> tuple[Tensor, Tensor]:
    return matrix.to(torch.complex64).contiguous(), matrix.mH.resolve_conj().to(torch.complex64).contiguous()


def worthwhile(x: Sequence[int], weight: Sequence[int], pad: Pair, group: int) -> bool:
    """Whether this way is the faster one for an input of shape ``x`` and weights of shape ``weight``."""
    n, channels, *size = x
    outputs, _, *kernel = weight
    if n < _LEAST_BATCH or any(p >= k for p, k in zip(pad, kernel)):
        return False
    (h, w), (oh, ow) = size, [s + 2 * p - k + 1 for s, k, p in zip(size, kernel, pad)]
    bins_h, bins_w = (h + pad[0]) // 2 + 1, w + pad[1]
    filters = channels * outputs // group
    direct = n * oh * ow * kernel[0] * kernel[1] * filters
    transforms = n * channels * bins_h * w * (h + bins_w) + n * outputs * bins_h * ow * (oh + bins_w)
    # The transformed weights are written to memory and read again, which counts like some products each.
    weights = filters * bins_h * bins_w * (kernel[1] + 8)
    return direct > _SLOWDOWN * 4 * (n * bins_h * bins_w * filters + transforms + weights)


class FourierConvolution:
    """Correlation of inputs of one spatial ``size`` with kernels of one size, zero-padded; stride and dilation 1.

    Inputs, outputs and gradients are (n, channels, height, width) in the channels-last memory format, float32.
    """

    def __init__(self, size: Pair, kernel: Pair, pad: Pair, group: int):
        self._high, self._wide = _Axis(size[0], kernel[0], pad[0], True), _Axis(size[1], kernel[1], pad[1], False)
        self._group = group

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The output for ``weight`` (outputs, channels / group, height, width)."""
        n, outputs = x.shape[0], weight.shape[0]
        rows, filters = _columns_in(x, self._high.image), self._filter_rows(weight)
        result = torch.empty(self._high.bins, self._wide.outputs, n * outputs, dtype=torch.complex64)
        product = torch.empty(self._wide.bins, n, outputs, dtype=torch.complex64)
        for row in range(self._high.bins):
            images = torch.mm(self._wide.image, rows[row]).view(self._wide.bins, n, -1)
            kernels = self._filters(filters, row)
            for image, kernel, out in zip(self._split(images), kernels, self._split(product)):
                torch.bmm(image, kernel, out=out)
            torch.mm(self._wide.output, product.view(self._wide.bins, -1), out=result[row])
        y = _channels_last(n, outputs, self._high.outputs, self._wide.outputs)
        return _columns_out(result, self._high.output, y, bias)

    def backward(self, x: Tensor, weight: Tensor, dy: Tensor, mask: tuple[bool, bool]) -> list[Tensor | None]:
        """The gradients by ``x`` and by ``weight``, each where ``mask`` wants it."""
        n, channels = x.shape[:2]
        bins = self._wide.bins
        top = _columns_in(dy, self._high.output_adjoint)
        rows = _columns_in(x, self._high.image) if mask[1] else top.new_empty(len(top), x.shape[3], n * channels)
        filters = self._filter_rows(weight)
        filter_gradients = torch.empty_like(filters)
        image = torch.empty(bins, n, channels, dtype=torch.complex64)
        kernel = torch.empty(bins, self._group, filters[0, 0].numel() // self._group, dtype=torch.complex64)
        for row in range(self._high.bins):
            gradient = torch.mm(self._wide.output_adjoint, top[row]).view(bins, n, -1)
            if mask[1]:
                torch.mm(self._wide.image, rows[row], out=image.view(bins, -1))
                for i, (im, g) in enumerate(zip(self._split(image), self._split(gradient))):
                    torch.bmm(im.mH, g, out=kernel[:, i].view(bins, im.shape[2], g.shape[2]))
                torch.mm(self._wide.kernel_adjoint, kernel.view(bins, -1), out=filter_gradients[row])
            if mask[0]:
                for f, g, out in zip(self._filters(filters, row), self._split(gradient), self._split(image)):
                    torch.bmm(g, f.mH, out=out)
                torch.mm(self._wide.image_adjoint, image.view(bins, -1), out=rows[row])
        dx = _columns_out(rows, self._high.image_adjoint, torch.empty_like(x), None) if mask[0] else None
        return [dx, self._filter_gradient(filter_gradients, weight) if mask[1] else None]

    def _split(self, x: Tensor) -> list[Tensor]:
        """(bins, n, channels) as one view of (bins, n, channels / group) a group."""
        return list(x.chunk(self._group, dim=2))

    def _filter_rows(self, weight: Tensor) -> Tensor:
        """The weights transformed along their height: (bins, width, group * channels * outputs)."""
        outputs, channels, height, width = weight.shape
        grouped = weight.reshape(self._group, outputs // self._group, channels, height, width)
        complex_weight = grouped.permute(3, 4, 0, 2, 1).to(torch.complex64).reshape(height, -1)
        self._filter_shape = (self._wide.bins, self._group, channels, outputs // self._group)
        return torch.mm(self._high.kernel, complex_weight).view(self._high.bins, width, -1)

    def _filters(self, rows: Tensor, row: int) -> tuple[Tensor, ...]:
        """One row of bins of the transformed weights: a (bins, channels, outputs) a group."""
        return torch.mm(self._wide.kernel, rows[row]).view(self._filter_shape).unbind(1)

    def _filter_gradient(self, rows: Tensor, weight: Tensor) -> Tensor:
        outputs, channels, height, width = weight.shape
        whole = torch.mm(self._high.kernel_adjoint, rows.view(len(rows), -1)).real
        grouped = whole.view(height, width, self._group, channels, outputs // self._group)
        return grouped.permute(2, 4, 3, 0, 1).reshape(weight.shape)


def _channels_last(*shape: int) -> Tensor:
    return torch.empty(shape, memory_format=torch.channels_last)


def _columns_in(x: Tensor, matrix: Tensor) -> Tensor:
    """(n, c, h, w) transformed along h, column by column of the image: complex (bins, w, n * c)."""
    n, channels, height, width = x.shape
    result = torch.empty(len(matrix), width, n * channels, dtype=torch.complex64)
    column = torch.zeros(height, n * channels, dtype=torch.complex64)
    real = torch.view_as_real(column)[..., 0].view(height, n, channels)
    for i, values in enumerate(x.permute(3, 2, 0, 1)):
        real.copy_(values)
        torch.mm(matrix, column, out=result[:, i])
    return result


def _columns_out(rows: Tensor, matrix: Tensor, y: Tensor, bias: Tensor | None) -> Tensor:
    """The way back: complex (bins, w, n * c) into ``y`` (n, c, h, w), plus a bias a channel."""
    n, channels, height, _ = y.shape
    column = torch.empty(height, n * channels, dtype=torch.complex64)
    real = torch.view_as_real(column)[..., 0].view(height, n, channels)
    for i, values in enumerate(y.permute(3, 2, 0, 1)):
        torch.mm(matrix, rows[:, i], out=column)
        if bias is None:
            values.copy_(real)
        else:
            torch.add(real, bias, out=values)
    return y
