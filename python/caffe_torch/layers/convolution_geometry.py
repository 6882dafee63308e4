"""Kernel, pad, stride and dilation of ConvolutionParameter, in all their spellings."""

from __future__ import annotations

from typing import Any

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer
from caffe_torch.layers.shapes import canonical_axis


class ConvolutionGeometry:
    """One entry per spatial axis of ``kernel``, ``stride``, ``pad`` and ``dilation``.

    A repeated field with one value holds for all axes; kernel_h and kernel_w (and so on) are for two axes only.
    """

    def __init__(self, layer: Layer, bottom: Blob):
        param: Any = layer.param.convolution_param
        self.channel_axis = canonical_axis(layer, bottom, param.axis)
        self.axes = len(bottom.shape) - self.channel_axis - 1
        self._layer = layer
        self.kernel = self._read(param, "kernel", param.kernel_size, None)
        self.stride = self._read(param, "stride", param.stride, 1)
        self.pad = self._read(param, "pad", param.pad, 0)
        self.dilation = self._dilation(param)
        for what in ("kernel", "stride", "dilation"):
            if any(n < 1 for n in getattr(self, what)):
                raise layer.fail(f"{what} {getattr(self, what)}: every axis must be 1 or more")

    def _read(self, param: Any, name: str, values: Any, default: int | None) -> tuple[int, ...]:
        high, wide = f"{name}_h", f"{name}_w"
        if param.HasField(high) or param.HasField(wide):
            if self.axes != 2:
                raise self._layer.fail(f"{high} and {wide} need two spatial axes, found {self.axes}")
            if len(values):
                raise self._layer.fail(f"{name} is given twice: as {high}/{wide} and as a list; keep one")
            return getattr(param, high), getattr(param, wide)
        return self._spread(name, values, default)

    def _dilation(self, param: Any) -> tuple[int, ...]:
        """BVLC's ``dilation``, yjxiong's ``dilation_h`` and ``dilation_w``, or ``hole`` and so on of DeepLab."""
        for high, wide in (("dilation_h", "dilation_w"), ("hole_h", "hole_w")):
            if param.HasField(high) or param.HasField(wide):
                if self.axes != 2 or len(param.dilation) or param.HasField("hole"):
                    raise self._layer.fail(f"{high} and {wide} need two spatial axes and no other dilation")
                return getattr(param, high) or 1, getattr(param, wide) or 1
        return self._spread("dilation", [param.hole] if param.HasField("hole") else param.dilation, 1)

    def _spread(self, name: str, values: Any, default: int | None) -> tuple[int, ...]:
        if not len(values):
            if default is None and self.axes:
                raise self._layer.fail("kernel_size is missing")
            return (default or 0,) * self.axes
        if len(values) == 1:
            return (values[0],) * self.axes
        if len(values) != self.axes:
            raise self._layer.fail(f"{name} has {len(values)} values for {self.axes} spatial axes")
        return tuple(values)

    def output(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes after the window slides over ``spatial``, rounded down."""
        sizes = tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(spatial, self.kernel, self.stride, self.pad, self.dilation)
        )
        if any(n < 1 for n in sizes):
            raise self._layer.fail(f"the kernel {self.kernel} does not fit into the input {spatial} (pad {self.pad})")
        return sizes

    def input(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes that a deconvolution makes out of ``spatial``."""
        sizes = tuple(
            s * (n - 1) + d * (k - 1) + 1 - 2 * p
            for n, k, s, p, d in zip(spatial, self.kernel, self.stride, self.pad, self.dilation)
        )
        if any(n < 1 for n in sizes):
            raise self._layer.fail(f"pad {self.pad} leaves nothing of the output {sizes}")
        return sizes
