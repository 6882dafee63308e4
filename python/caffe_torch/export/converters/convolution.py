"""Convolution, Deconvolution and Im2col."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter
from caffe_torch.export.subgraph import Shape


def _images(shape: Shape, axis: int) -> Shape:
    """``shape`` as (images, channels, spatial axes): leading axes joined, a spatial axis added where there is none."""

    def flat(sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (int(np.prod(sizes[:axis])), sizes[axis], *(sizes[axis + 1 :] or (1,)))

    return Shape(flat(shape.sizes), flat(shape.others))


def _window(graph: LayerGraph) -> dict[str, list[int]]:
    geometry = graph.layer.geometry
    pad = list(geometry.pad or (0,))
    return {
        "kernel_shape": list(geometry.kernel or (1,)), "strides": list(geometry.stride or (1,)),
        "dilations": list(geometry.dilation or (1,)), "pads": pad + pad,
    }  # fmt: skip


def _convolve(graph: LayerGraph, op: str) -> list[str]:
    geometry, tops = graph.layer.geometry, []
    kernel = geometry.kernel or (1,)
    first, second = graph.layer_node.blobs[0].shape[:2]
    weights = [graph.blob(0, (first, second, *kernel)), *([graph.blob(1)] if len(graph.layer_node.blobs) > 1 else [])]
    for x, bottom, top in zip(graph.inputs, graph.bottoms, graph.tops):
        plain, made = _images(bottom, geometry.channel_axis), _images(top, geometry.channel_axis)
        x, settings = graph.reshape(x, bottom, plain), _window(graph)
        if op == "Conv" and max(kernel) == 1 and any(settings["pads"]):
            # OpenCV 5 gives anything where a kernel of one pixel is padded by itself.
            pads = graph.indices(0, 0, *geometry.pad, 0, 0, *geometry.pad)
            x, settings["pads"] = (
                graph.node("Pad", x, pads, graph.constant(0.0), mode="constant"),
                [0] * len(settings["pads"]),
            )
        y = graph.node(op, x, *weights, group=graph.layer.group, **settings)
        tops.append(graph.reshape(y, made, top))
    return tops


@converter("Convolution")
def convolution(graph: LayerGraph) -> list[str]:
    return _convolve(graph, "Conv")


@converter("Deconvolution")
def deconvolution(graph: LayerGraph) -> list[str]:
    return _convolve(graph, "ConvTranspose")


@converter("Im2col")
def im2col(graph: LayerGraph) -> list[str]:
    """A convolution a channel, by kernels that are 1 at one place each."""
    geometry, bottom, top = graph.layer.geometry, graph.bottoms[0], graph.tops[0]
    channels, size = bottom[geometry.channel_axis], int(np.prod(geometry.kernel))
    identity = np.eye(size, dtype=np.float32).reshape(size, 1, *geometry.kernel)
    kernels = np.tile(identity, (channels, 1, *(1,) * geometry.axes))
    plain, made = _images(bottom, geometry.channel_axis), _images(top, geometry.channel_axis)
    y = graph.node(
        "Conv", graph.reshape(graph.inputs[0], bottom, plain), graph.constant(kernels), group=channels, **_window(graph)
    )
    return [graph.reshape(y, made, top)]
