"""Convolution, Deconvolution and Im2col."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form
from caffe_torch.export.source import Shape


def _images(shape: Shape, axis: int) -> Shape:
    """``shape`` as (images, channels, spatial axes): leading axes joined, a spatial axis added where there is none."""

    def flat(sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (int(np.prod(sizes[:axis])), sizes[axis], *(sizes[axis + 1 :] or (1,)))

    return Shape(flat(shape.sizes), flat(shape.others))


def _window(g: Group) -> dict[str, list[int]]:
    window = g.layer.window
    pad = list(window.pad or (0,))
    return {
        "kernel_shape": list(window.kernel or (1,)), "strides": list(window.stride or (1,)),
        "dilations": list(window.dilation or (1,)), "pads": pad + pad,
    }  # fmt: skip


def _convolve(g: Group, op: str) -> list[str]:
    window, tops = g.layer.window, []
    kernel = window.kernel or (1,)
    first, second = g.step.blobs[0].shape[:2]
    weights = [g.blob(0, (first, second, *kernel)), *([g.blob(1)] if len(g.step.blobs) > 1 else [])]
    for x, bottom, top in zip(g.inputs, g.bottoms, g.tops):
        plain, made = _images(bottom, window.channel_axis), _images(top, window.channel_axis)
        x, settings = g.reshape(x, bottom, plain), _window(g)
        if op == "Conv" and max(kernel) == 1 and any(settings["pads"]):
            # OpenCV 5 gives anything where a kernel of one pixel is padded by itself.
            pads = g.indices(0, 0, *window.pad, 0, 0, *window.pad)
            x, settings["pads"] = g.node("Pad", x, pads, g.constant(0.0), mode="constant"), [0] * len(settings["pads"])
        y = g.node(op, x, *weights, group=g.layer.group, **settings)
        tops.append(g.reshape(y, made, top))
    return tops


@form("Convolution")
def convolution(g: Group) -> list[str]:
    return _convolve(g, "Conv")


@form("Deconvolution")
def deconvolution(g: Group) -> list[str]:
    return _convolve(g, "ConvTranspose")


@form("Im2col")
def im2col(g: Group) -> list[str]:
    """A convolution a channel, by kernels that are 1 at one place each."""
    window, bottom, top = g.layer.window, g.bottoms[0], g.tops[0]
    channels, size = bottom[window.channel_axis], int(np.prod(window.kernel))
    one = np.eye(size, dtype=np.float32).reshape(size, 1, *window.kernel)
    kernels = np.tile(one, (channels, 1, *(1,) * window.axes))
    plain, made = _images(bottom, window.channel_axis), _images(top, window.channel_axis)
    y = g.node("Conv", g.reshape(g.inputs[0], bottom, plain), g.constant(kernels), group=channels, **_window(g))
    return [g.reshape(y, made, top)]
