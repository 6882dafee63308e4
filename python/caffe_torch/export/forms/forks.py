"""Layers of Caffe's forks: SSD's, SegNet's, PSPNet's, R-CNN's, MobileNet's, SENet's, YOLO's."""

from __future__ import annotations

import numpy as np
import torch

from caffe_torch.export.forms.convolution import convolution
from caffe_torch.export.graph import Group
from caffe_torch.export.registry import AFTER, IMPOSSIBLE, form
from caffe_torch.export.source import Shape, Step

_LEAST = 1e-6

_BOXES = "keeps a number of boxes that depends on the data"
_TRAINING = "belongs to training"

IMPOSSIBLE.update(
    {
        **dict.fromkeys(("DetectionOutput", "Proposal", "YoloDetectionOutput", "Yolov3DetectionOutput"), _BOXES),
        "PSROIPooling": "averages windows whose size depends on the data",
        **dict.fromkeys(("BoxAnnotatorOHEM", "CenterLoss", "MarginInnerProduct", "MultiBoxLoss"), _TRAINING),
        **dict.fromkeys(("SmoothL1Loss", "SmoothL1LossOHEM", "SoftmaxWithLossOHEM"), _TRAINING),
        **dict.fromkeys(("DetectionEvaluate", "SegAccuracy"), "scores a net against labels"),
    }
)
AFTER["DetectionOutput"] = "docs/EXPORT.md has the rest of it in NumPy"

form("DepthwiseConvolution", "ConvolutionDepthwise")(convolution)


@form("Permute")
def permute(g: Group) -> list[str]:
    return [g.node("Transpose", g.inputs[0], perm=list(g.layer.order))]


@form("ShuffleChannel")
def shuffle_channel(g: Group) -> list[str]:
    shape = g.bottoms[0]
    g.fixed(shape, *range(1, len(shape)))
    apart = g.node("Reshape", g.inputs[0], g.indices(0, g.layer.group, shape[1] // g.layer.group, -1))
    return [g.node("Reshape", g.node("Transpose", apart, perm=[0, 2, 1, 3]), g.indices(0, *shape.sizes[1:]))]


@form("Reorg")
def reorg(g: Group) -> list[str]:
    s, shape = g.layer.stride, g.bottoms[0]
    g.fixed(shape, 1, 2, 3)
    channels, height, width = shape.sizes[1:]
    if g.layer.reverse:
        sizes, order = (0, s, s, channels // s**2, height, width), [0, 3, 4, 1, 5, 2]
    else:
        sizes, order = (0, channels // s**2, height, s, width, s), [0, 3, 5, 1, 2, 4]
    moved = g.node("Transpose", g.node("Reshape", g.inputs[0], g.indices(*sizes)), perm=order)
    return [g.node("Reshape", moved, g.indices(0, *g.tops[0].sizes[1:]))]


@form("Flip")
def flip(g: Group) -> list[str]:
    param, x = g.param.flip_param, g.inputs[0]
    for axis, wanted in ((2, param.flip_height), (3, param.flip_width)):
        x = g.slice(x, axis, -1, -(2**31), -1) if wanted else x
    return [x]


@form("Normalize")
def normalize(g: Group) -> list[str]:
    x, axes = g.inputs[0], len(g.bottoms[0])
    if not g.layer.scaled:
        if g.param.normalize_param.normalize_type == "L1":
            norm = g.shifted(g.node("ReduceL1", x, axes=[1], keepdims=1), _LEAST)
        else:
            norm = g.node("Sqrt", g.shifted(g.node("ReduceSumSquare", x, axes=[1], keepdims=1), _LEAST))
        return [g.node("Div", x, norm), norm][: len(g.tops)]
    param = g.param.norm_param
    over = list(range(1, axes)) if param.across_spatial else [1]
    norm = g.node("Sqrt", g.shifted(g.node("ReduceSumSquare", x, axes=over, keepdims=1), param.eps))
    return [g.node("Mul", g.node("Div", x, norm), g.blob(0, (-1, *(1,) * (axes - 2))))]


@form("ReLU6")
def relu6(g: Group) -> list[str]:
    x, slope = g.inputs[0], g.param.relu6_param.negative_slope
    capped = g.node("Clip", x, g.constant(0.0), g.constant(6.0))
    return [g.node("Add", capped, g.scaled(g.node("Min", x, g.constant(0.0)), slope)) if slope else capped]


@form("Interp")
def interp(g: Group) -> list[str]:
    param, shape = g.param.interp_param, g.bottoms[0]
    g.fixed(shape, 2, 3)
    g.fixed(g.tops[0], 2, 3)
    x = g.inputs[0]
    if param.pad_beg or param.pad_end:
        for axis in (2, 3):
            x = g.slice(x, axis, -param.pad_beg, shape[axis] + param.pad_end)
    size = g.node("Concat", g.slice(g.node("Shape", x), 0, 0, 2), g.indices(*g.layer.size), axis=0)
    return [g.node("Resize", x, "", "", size, mode="linear", coordinate_transformation_mode="align_corners")]


def _places(step: Step, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Different places of each plane of the top."""
    count = step.layer.size[0] * step.layer.size[1]
    planes = [random.permutation(count)[: shape[2] * shape[3]] for _ in range(shape[0] * shape[1])]
    return np.array(planes, np.float32).reshape(shape)


@form("Upsample", draws={1: _places})
def upsample(g: Group) -> list[str]:
    x, shape = g.inputs[0], g.bottoms[0]
    if len(g.inputs) == 1:
        scales = g.constant([1, 1, g.layer.scale, g.layer.scale])
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return [g.node("Resize", x, "", scales, **modes)]
    g.fixed(shape, 1, 2, 3)
    flat = g.indices(0, 0, -1)
    count = g.indices(g.layer.size[0] * g.layer.size[1])
    zeros = g.node("ConstantOfShape", g.node("Concat", g.slice(g.node("Shape", x), 0, 0, 2), count, axis=0))
    places, values = g.whole(g.node("Reshape", g.inputs[1], flat)), g.node("Reshape", x, flat)
    filled = g.node("ScatterElements", zeros, places, values, axis=2)
    return [g.node("Reshape", filled, g.indices(0, *g.tops[0].sizes[1:]))]


@form("Axpy")
def axpy(g: Group) -> list[str]:
    shape, ones = g.bottoms[1], (1,) * (len(g.bottoms[1]) - 2)
    a = g.reshape(g.inputs[0], g.bottoms[0], Shape((*shape.sizes[:2], *ones), (*shape.others[:2], *ones)))
    return [g.node("Add", g.node("Mul", a, g.inputs[1]), g.inputs[2])]


@form("BN")
def bn(g: Group) -> list[str]:
    param, channels = g.param.bn_param, g.bottoms[0][1]
    if not g.layer.segnet:
        blobs = [g.blob(i, (channels,)) for i in range(4)]
        return [g.node("BatchNormalization", g.inputs[0], *blobs, epsilon=param.eps)]
    if param.bn_mode != param.INFERENCE:
        raise g.fail("takes the batch's own statistics: fold them in (bn_mode: INFERENCE) first")
    sides = (channels, *(1,) * (len(g.bottoms[0]) - 2))
    return [g.node("Add", g.node("Mul", g.inputs[0], g.blob(0, sides)), g.blob(1, sides))]


def _regions(step: Step, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Regions (image 0, x1, y1, x2, y2) within the features, in the image's pixels."""
    height, width = step.bottom_shapes[0].sizes[2:]
    scale = step.layer.scale
    corners = np.sort(random.integers(0, [width, height], (shape[0], 2, 2)), axis=1).reshape(-1, 4)
    return np.concatenate([np.zeros((shape[0], 1)), np.round(corners / scale)], axis=1).astype(np.float32)


@form("ROIPooling", draws={1: _regions})
def roi_pooling(g: Group) -> list[str]:
    rows = g.node("Reshape", g.inputs[1], g.indices(-1, 5))
    return [g.node("MaxRoiPool", g.inputs[0], rows, pooled_shape=list(g.layer.cells), spatial_scale=g.layer.scale)]


@form("PriorBox")
def prior_box(g: Group) -> list[str]:
    """Boxes depend on sizes alone: constants."""
    for shape in g.bottoms:
        g.fixed(shape, 2, 3)
    return [g.constant(g.layer.compute([torch.zeros(1)], [])[0].numpy())]
