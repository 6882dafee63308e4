"""Convolutions of stride 1 on a CPU by way of the Fourier transform: fewer operations where kernel and batch are large.

A convolution is a product, bin by bin, of the transforms of its input and its weights. The images are so small that
the transforms are matrix products as well; all of them run in complex float32. Against float64 the result errs a tenth
as much as the direct sum in float32 does, as fewer terms are added up.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.runtime.threads import share_out

#: Complex products run that much slower than the direct convolution's, measured on AlexNet's layers.
_SLOWDOWN = 2.2
#: Below this batch the transform of the weights is not worth it, nor are the products by then.
_LEAST_BATCH = 16

#: Complex elements of the columns that a thread transforms at a time, unless one column has more.
_COLUMNS = 1 << 18

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

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None, y: Tensor) -> None:
        """Write into ``y`` the output for ``weight`` (outputs, channels / group, height, width)."""
        biases = bias.chunk(self._group) if bias is not None else [None] * self._group
        for parts in zip(x.chunk(self._group, 1), weight.chunk(self._group), biases, y.chunk(self._group, 1)):
            self._forward(*parts)

    def backward(self, x: Tensor, weight: Tensor, dy: Tensor, dx: Tensor | None, dw: Tensor | None) -> None:
        """Write the gradients by ``x`` and by ``weight`` into ``dx`` and ``dw``, each where it is wanted."""
        nothing = [None] * self._group
        parts = x.chunk(self._group, 1), weight.chunk(self._group), dy.chunk(self._group, 1)
        dxs = dx.chunk(self._group, 1) if dx is not None else nothing
        for part in zip(*parts, dxs, dw.chunk(self._group) if dw is not None else nothing):
            self._backward(*part)

    def _forward(self, x: Tensor, weight: Tensor, bias: Tensor | None, y: Tensor) -> None:
        n, channels, outputs = len(x), x.shape[1], len(weight)
        rows, filters = _columns_in(x, self._high.image, "bottom"), self._filter_rows(weight)
        result = _workspace("top", self._high.bins, self._wide.outputs, n * outputs)

        def compute(row: int) -> None:
            images = _product("images", self._wide.image, rows[row], n, channels)
            kernels = _product("kernels", self._wide.kernel, filters[row], channels, outputs)
            products = torch.bmm(images, kernels, out=_workspace("products", self._wide.bins, n, outputs))
            torch.mm(self._wide.output, products.view(self._wide.bins, -1), out=result[row])

        share_out(compute, range(self._high.bins))
        _columns_out(result, self._high.output, y, bias)

    def _backward(self, x: Tensor, weight: Tensor, dy: Tensor, dx: Tensor | None, dw: Tensor | None) -> None:
        n, channels, outputs, bins = len(x), x.shape[1], len(weight), self._wide.bins
        top = _columns_in(dy, self._high.output_adjoint, "top")
        # A row of bins of the input makes room for the same row of its gradient, one of the weights likewise.
        rows = _columns_in(x, self._high.image, "bottom")
        filters = self._filter_rows(weight)

        def compute(row: int) -> None:
            gradients = _product("gradients", self._wide.output_adjoint, top[row], n, outputs)
            images = _product("images", self._wide.image, rows[row], n, channels) if dw is not None else None
            if dx is not None:
                kernels = _product("kernels", self._wide.kernel, filters[row], channels, outputs)
                products = torch.bmm(gradients, kernels.mH, out=_workspace("products", bins, n, channels))
                torch.mm(self._wide.image_adjoint, products.view(bins, -1), out=rows[row])
            if images is not None:
                products = torch.bmm(images.mH, gradients, out=_workspace("kernels", bins, channels, outputs))
                torch.mm(self._wide.kernel_adjoint, products.view(bins, -1), out=filters[row])

        share_out(compute, range(self._high.bins))
        if dx is not None:
            _columns_out(rows, self._high.image_adjoint, dx, None)
        if dw is not None:
            height, width = dw.shape[2:]
            real = torch.mm(self._high.kernel_adjoint, filters.view(len(filters), -1)).real
            dw.copy_(real.view(height, width, channels, outputs).permute(3, 2, 0, 1))

    def _filter_rows(self, weight: Tensor) -> Tensor:
        """The weights transformed along their height: (bins, width, channels * outputs)."""
        height, width = weight.shape[2:]
        complex_weight = weight.permute(2, 3, 1, 0).to(torch.complex64).reshape(height, -1)
        rows = _workspace("filters", self._high.bins, width, weight.shape[0] * weight.shape[1])
        torch.mm(self._high.kernel, complex_weight, out=rows.view(len(rows), -1))
        return rows


_kept = threading.local()


def _workspace(name: str, *shape: int) -> Tensor:
    """Complex memory that all convolutions of a thread take in turn, so that it is got from the system once."""
    size = math.prod(shape)
    kept: dict[str, Tensor] = _kept.__dict__
    if name not in kept or kept[name].numel() < size:
        kept.pop(name, None)
        kept[name] = torch.empty(size, dtype=torch.complex64)
    return kept[name][:size].view(shape)


def _product(name: str, matrix: Tensor, row: Tensor, *shape: int) -> Tensor:
    """``matrix`` times a row of bins, as (bins, *shape)."""
    product = _workspace(name, len(matrix), row.shape[1])
    return torch.mm(matrix, row, out=product).view(len(matrix), *shape)


def _columns(width: int, elements: int) -> list[slice]:
    """The columns of an image of ``elements`` elements each, some at a time where they are small."""
    step = max(1, _COLUMNS // elements)
    return [slice(i, min(i + step, width)) for i in range(0, width, step)]


def _columns_in(x: Tensor, matrix: Tensor, name: str) -> Tensor:
    """(n, c, h, w) transformed along h, some columns at a time: complex (bins, w, n * c)."""
    n, channels, height, width = x.shape
    result = _workspace(name, len(matrix), width, n * channels)

    def transform(part: slice) -> None:
        values = x[..., part].permute(2, 3, 0, 1)
        columns = _workspace("columns", *values.shape).zero_()
        torch.view_as_real(columns)[..., 0].copy_(values)
        torch.mm(matrix, columns.view(height, -1), out=result[:, part].view(len(matrix), -1))

    share_out(transform, _columns(width, height * n * channels))
    return result


def _columns_out(rows: Tensor, matrix: Tensor, y: Tensor, bias: Tensor | None) -> None:
    """The way back: complex (bins, w, n * c) into ``y`` (n, c, h, w), plus a bias a channel."""
    n, channels, height, width = y.shape

    def transform(part: slice) -> None:
        values = y[..., part].permute(2, 3, 0, 1)
        columns = _workspace("columns", *values.shape)
        torch.mm(matrix, rows[:, part].view(len(matrix.t()), -1), out=columns.view(height, -1))
        real = torch.view_as_real(columns)[..., 0]
        if bias is None:
            values.copy_(real)
        else:
            torch.add(real, bias, out=values)

    share_out(transform, _columns(width, height * n * channels))
