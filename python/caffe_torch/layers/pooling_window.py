"""Where pooling windows lie: PoolingParameter's kernel, pad, stride and rounding in all their spellings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from caffe_torch.layers.base import Layer

Pair = tuple[int, int]


@dataclass(frozen=True)
class PoolingWindow:
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


def read_window(layer: Layer, param: Any, spatial: Pair) -> PoolingWindow:
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
    # ceil_mode: false is what the forks of DenseNet and others write for BVLC's round_mode: FLOOR.
    floor = param.round_mode == param.FLOOR or (param.HasField("ceil_mode") and not param.ceil_mode)
    return PoolingWindow(kernel, stride, pad, floor)
