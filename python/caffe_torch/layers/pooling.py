"""Pooling (MAX, AVE, STOCHASTIC) and SPP, with Caffe's rounding and clipping of the last windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.array import empty_like
from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, Layer, register
from caffe_torch.layers.images import Images, parts
from caffe_torch.runtime import device
from caffe_torch.runtime.threads import share_out

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Where the pooling windows lie: window i of an axis starts at i * stride - pad."""

    kernel: Pair
    stride: Pair
    pad: Pair
    floor: bool = False

    def output(self, spatial: Pair) -> Pair:
        """Caffe rounds up, then drops a last window that would start in the far padding; unpadded it drops none."""
        sizes = []
        for n, k, s, p in zip(spatial, self.kernel, self.stride, self.pad):
            steps = (n + 2 * p - k) / s
            size = (math.floor(steps) if self.floor else math.ceil(steps)) + 1
            if any(self.pad) and (size - 1) * s >= n + p:
                size -= 1
            sizes.append(size)
        return sizes[0], sizes[1]

    def torch_output(self, spatial: Pair) -> Pair | None:
        """What PyTorch's own pooling makes of the same window with ceil_mode; None where it refuses the padding."""
        sizes = []
        for n, k, s, p in zip(spatial, self.kernel, self.stride, self.pad):
            if p > k // 2:
                return None
            size = math.ceil((n + 2 * p - k) / s) + 1
            sizes.append(size - 1 if (size - 1) * s >= n + p else size)
        return sizes[0], sizes[1]

    def padding(self, spatial: Pair, output: Pair) -> list[int]:
        """Padding for F.pad after which exactly ``output`` whole windows fit: left, right, top, bottom."""
        far = [(o - 1) * s + k - n - p for n, k, s, p, o in zip(spatial, self.kernel, self.stride, self.pad, output)]
        return [self.pad[1], far[1], self.pad[0], far[0]]


def pool_max(x: Tensor, window: Window) -> tuple[Tensor, Tensor]:
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


def pool_average(x: Tensor, window: Window) -> Tensor:
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


def pool_stochastic(x: Tensor, window: Window, train: bool) -> Tensor:
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


def read_window(layer: Layer, param: Any, spatial: Pair) -> Window:
    """The window of a PoolingParameter; global pooling takes the size of the input."""
    if param.global_pooling:
        if param.HasField("kernel_size") or param.HasField("kernel_h") or param.HasField("kernel_w"):
            raise layer.fail("global_pooling takes the kernel from the input; do not give kernel_size")
        kernel = spatial
    elif param.HasField("kernel_size"):
        if param.HasField("kernel_h") or param.HasField("kernel_w"):
            raise layer.fail("kernel_size and kernel_h/kernel_w are both given; keep one")
        kernel = (param.kernel_size, param.kernel_size)
    else:
        kernel = (param.kernel_h, param.kernel_w)
    pad = (param.pad_h, param.pad_w) if param.HasField("pad_h") else (param.pad, param.pad)
    stride = (param.stride_h, param.stride_w) if param.HasField("stride_h") else (param.stride, param.stride)
    if min(kernel) < 1:
        raise layer.fail(f"the kernel must be at least 1 x 1, found {kernel[0]} x {kernel[1]}")
    if min(stride) < 1:
        raise layer.fail(f"the stride must be at least 1, found {stride}")
    if param.global_pooling and (pad != (0, 0) or stride != (1, 1)):
        raise layer.fail("global_pooling needs pad 0 and stride 1")
    if any(p >= k for p, k in zip(pad, kernel)):
        raise layer.fail(f"pad {pad} must be smaller than the kernel {kernel}")
    return Window(kernel, stride, pad, param.round_mode == param.FLOOR)


def _fast_format(x: Tensor) -> Tensor:
    """On a CPU channels last, in which pooling is many times faster."""
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


def _like(x: Tensor, shape: Sequence[int]) -> Tensor:
    """A float32 tensor without memory of the given shape, in ``x``'s memory format, or a CPU's faster one."""
    last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    last = last or device.current().type == "cpu"
    return torch.empty(*shape, device="meta", memory_format=torch.channels_last if last else torch.contiguous_format)


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
        if len(shape) != 4:
            raise self.fail(f"needs a blob of 4 axes (n, channels, height, width), found shape {shape}")
        self.window = read_window(self, self.param.pooling_param, (shape[2], shape[3]))
        output = self.window.output((shape[2], shape[3]))
        if min(output) < 1:
            raise self.fail(f"the kernel {self.window.kernel} does not fit into the input {shape[2]} x {shape[3]}")
        for blob in top:
            blob.adopt_shape((shape[0], shape[1], *output))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        self._index: Tensor | None = None
        if not self._plain_max(bottom[0], top):
            super().forward(bottom, top)
            return
        images = Images(bottom[0].promised(), bottom[0].shape, bottom[0].tensor)
        like = _like(images.like(), top[0].shape)
        # A quarter, or half, of the memory of the int64 that PyTorch gives and takes.
        small = torch.int16 if bottom[0].shape[2] * bottom[0].shape[3] <= 2**15 else torch.int32
        y, positions = top[0].room(like), empty_like(like, device.current(), small)

        def pool(part: slice) -> None:
            x, index = _fast_format(images.part(part)), torch.empty_like(y[part], dtype=torch.int64)
            torch.ops.aten.max_pool2d_with_indices.out(x, *self._arguments(), out=y[part], indices=index)
            positions[part] = index

        share_out(pool, images.parts())
        self._index = positions
        top[0].assign(y)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if self._index is None:
            super().backward(top, propagate_down, bottom)
        elif propagate_down[0]:
            recipe = partial(self._gradient, _fast_format(top[0].lend_diff().data), self._index)
            bottom[0].promise_diff(recipe, _like(self._index, bottom[0].shape))

    def _gradient(self, dy: Tensor, index: Tensor, images: slice, dx: Tensor) -> None:
        """Write the gradient by some images of the bottom into ``dx``."""
        dy, index = dy[images], index[images]

        def share(part: slice) -> None:
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                dy[part], dx[part], *self._arguments(), index[part].long(), grad_input=dx[part]
            )

        share_out(share, parts(dx.shape, dx.device))

    def _plain_max(self, bottom: Blob, top: list[Blob]) -> bool:
        """Whether PyTorch's max pooling does all, in which case its own gradient spares autograd's detours."""
        spatial = (bottom.shape[2], bottom.shape[3])
        is_max = self.param.pooling_param.pool == self.param.pooling_param.MAX
        return is_max and len(top) == 1 and self.window.torch_output(spatial) == self.window.output(spatial)

    def _arguments(self) -> tuple[Pair, Pair, Pair, Pair, bool]:
        """Kernel, stride, pad, dilation and rounding up."""
        return self.window.kernel, self.window.stride, self.window.pad, (1, 1), True

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.pooling_param, _fast_format(inputs[0])
        if param.pool == param.MAX:
            y, index = pool_max(x, self.window)
            return [y, index.to(x.dtype)]
        if param.pool == param.AVE:
            return [pool_average(x, self.window)]
        return [pool_stochastic(x, self.window, self.phase == 0)]


@register("SPP")
class SPP(FunctionLayer):
    """Spatial pyramid pooling: level i divides the input into 2^i x 2^i bins; all bins of all levels side by side."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, height = bottom[0].shape, self.param.spp_param.pyramid_height
        if len(shape) != 4:
            raise self.fail(f"needs a blob of 4 axes (n, channels, height, width), found shape {shape}")
        if height < 1:
            raise self.fail("pyramid_height must be 1 or more")
        self.windows = []
        for level in range(height):
            bins = 2**level
            kernel = tuple(math.ceil(n / bins) for n in shape[2:])
            pad = tuple((k * bins - n + 1) // 2 for k, n in zip(kernel, shape[2:]))
            if any(p >= k for p, k in zip(pad, kernel)):
                raise self.fail(f"level {level} needs {bins} bins a side, too many for an input of {shape[2:]}")
            self.windows.append(Window((kernel[0], kernel[1]), (kernel[0], kernel[1]), (pad[0], pad[1])))
        outputs = [w.output((shape[2], shape[3])) for w in self.windows]
        if height == 1:  # as in Caffe, one level is not flattened
            top[0].adopt_shape((*shape[:2], *outputs[0]))
        else:
            top[0].adopt_shape((shape[0], shape[1] * sum(h * w for h, w in outputs)))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.spp_param, inputs[0]
        levels = []
        for window in self.windows:
            if param.pool == param.MAX:
                levels.append(pool_max(x, window)[0])
            elif param.pool == param.AVE:
                levels.append(pool_average(x, window))
            else:
                levels.append(pool_stochastic(x, window, self.phase == 0))
        return [levels[0] if len(levels) == 1 else torch.cat([y.flatten(1) for y in levels], dim=1)]
