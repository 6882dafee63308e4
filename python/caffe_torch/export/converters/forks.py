"""Layers of Caffe's forks: SSD's, SegNet's, PSPNet's, R-CNN's, MobileNet's, SENet's, YOLO's."""

from __future__ import annotations

import numpy as np
import torch

from caffe_torch.export.converters.convolution import convolution
from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import HINTS, UNSUPPORTED, converter
from caffe_torch.export.subgraph import LayerNode, Shape

_LEAST = 1e-6

_BOXES = "keeps a number of boxes that depends on the data"
_TRAINING = "belongs to training"

UNSUPPORTED.update(
    {
        **dict.fromkeys(("DetectionOutput", "Proposal", "YoloDetectionOutput", "Yolov3DetectionOutput"), _BOXES),
        "PSROIPooling": "averages windows whose size depends on the data",
        **dict.fromkeys(("BoxAnnotatorOHEM", "CenterLoss", "MarginInnerProduct", "MultiBoxLoss"), _TRAINING),
        **dict.fromkeys(("SmoothL1Loss", "SmoothL1LossOHEM", "SoftmaxWithLossOHEM"), _TRAINING),
        **dict.fromkeys(("DetectionEvaluate", "SegAccuracy"), "scores a net against labels"),
    }
)
HINTS["DetectionOutput"] = "docs/EXPORT.md has the rest of it in NumPy"

converter("DepthwiseConvolution", "ConvolutionDepthwise")(convolution)


@converter("Permute")
def permute(graph: LayerGraph) -> list[str]:
    return [graph.node("Transpose", graph.inputs[0], perm=list(graph.layer.order))]


@converter("ShuffleChannel")
def shuffle_channel(graph: LayerGraph) -> list[str]:
    shape = graph.bottoms[0]
    graph.require_fixed(shape, *range(1, len(shape)))
    apart = graph.node(
        "Reshape", graph.inputs[0], graph.indices(0, graph.layer.group, shape[1] // graph.layer.group, -1)
    )
    return [
        graph.node("Reshape", graph.node("Transpose", apart, perm=[0, 2, 1, 3]), graph.indices(0, *shape.sizes[1:]))
    ]


@converter("Reorg")
def reorg(graph: LayerGraph) -> list[str]:
    s, shape = graph.layer.stride, graph.bottoms[0]
    graph.require_fixed(shape, 1, 2, 3)
    channels, height, width = shape.sizes[1:]
    if graph.layer.reverse:
        sizes, order = (0, s, s, channels // s**2, height, width), [0, 3, 4, 1, 5, 2]
    else:
        sizes, order = (0, channels // s**2, height, s, width, s), [0, 3, 5, 1, 2, 4]
    moved = graph.node("Transpose", graph.node("Reshape", graph.inputs[0], graph.indices(*sizes)), perm=order)
    return [graph.node("Reshape", moved, graph.indices(0, *graph.tops[0].sizes[1:]))]


@converter("Flip")
def flip(graph: LayerGraph) -> list[str]:
    param, x = graph.param.flip_param, graph.inputs[0]
    for axis, wanted in ((2, param.flip_height), (3, param.flip_width)):
        x = graph.slice(x, axis, -1, -(2**31), -1) if wanted else x
    return [x]


@converter("Normalize")
def normalize(graph: LayerGraph) -> list[str]:
    x, axes = graph.inputs[0], len(graph.bottoms[0])
    if not graph.layer.scaled:
        if graph.param.normalize_param.normalize_type == "L1":
            norm = graph.shifted(graph.node("ReduceL1", x, axes=[1], keepdims=1), _LEAST)
        else:
            norm = graph.node("Sqrt", graph.shifted(graph.node("ReduceSumSquare", x, axes=[1], keepdims=1), _LEAST))
        return [graph.node("Div", x, norm), norm][: len(graph.tops)]
    param = graph.param.norm_param
    over = list(range(1, axes)) if param.across_spatial else [1]
    norm = graph.node("Sqrt", graph.shifted(graph.node("ReduceSumSquare", x, axes=over, keepdims=1), param.eps))
    return [graph.node("Mul", graph.node("Div", x, norm), graph.blob(0, (-1, *(1,) * (axes - 2))))]


@converter("ReLU6")
def relu6(graph: LayerGraph) -> list[str]:
    x, slope = graph.inputs[0], graph.param.relu6_param.negative_slope
    capped = graph.node("Clip", x, graph.constant(0.0), graph.constant(6.0))
    return [
        graph.node("Add", capped, graph.scaled(graph.node("Min", x, graph.constant(0.0)), slope)) if slope else capped
    ]


@converter("Interp")
def interp(graph: LayerGraph) -> list[str]:
    param, shape = graph.param.interp_param, graph.bottoms[0]
    graph.require_fixed(shape, 2, 3)
    graph.require_fixed(graph.tops[0], 2, 3)
    x = graph.inputs[0]
    if param.pad_beg or param.pad_end:
        for axis in (2, 3):
            x = graph.slice(x, axis, -param.pad_beg, shape[axis] + param.pad_end)
    size = graph.node("Concat", graph.slice(graph.node("Shape", x), 0, 0, 2), graph.indices(*graph.layer.size), axis=0)
    return [graph.node("Resize", x, "", "", size, mode="linear", coordinate_transformation_mode="align_corners")]


def _places(layer_node: LayerNode, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Different places of each plane of the top."""
    count = layer_node.layer.size[0] * layer_node.layer.size[1]
    planes = [random.permutation(count)[: shape[2] * shape[3]] for _ in range(shape[0] * shape[1])]
    return np.array(planes, np.float32).reshape(shape)


@converter("Upsample", test_values={1: _places})
def upsample(graph: LayerGraph) -> list[str]:
    x, shape = graph.inputs[0], graph.bottoms[0]
    if len(graph.inputs) == 1:
        scales = graph.constant([1, 1, graph.layer.scale, graph.layer.scale])
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return [graph.node("Resize", x, "", scales, **modes)]
    graph.require_fixed(shape, 1, 2, 3)
    flat = graph.indices(0, 0, -1)
    count = graph.indices(graph.layer.size[0] * graph.layer.size[1])
    zeros = graph.node(
        "ConstantOfShape", graph.node("Concat", graph.slice(graph.node("Shape", x), 0, 0, 2), count, axis=0)
    )
    places, values = graph.as_int(graph.node("Reshape", graph.inputs[1], flat)), graph.node("Reshape", x, flat)
    filled = graph.node("ScatterElements", zeros, places, values, axis=2)
    return [graph.node("Reshape", filled, graph.indices(0, *graph.tops[0].sizes[1:]))]


@converter("Axpy")
def axpy(graph: LayerGraph) -> list[str]:
    shape, ones = graph.bottoms[1], (1,) * (len(graph.bottoms[1]) - 2)
    a = graph.reshape(graph.inputs[0], graph.bottoms[0], Shape((*shape.sizes[:2], *ones), (*shape.others[:2], *ones)))
    return [graph.node("Add", graph.node("Mul", a, graph.inputs[1]), graph.inputs[2])]


@converter("BN")
def bn(graph: LayerGraph) -> list[str]:
    param, channels = graph.param.bn_param, graph.bottoms[0][1]
    if not graph.layer.segnet:
        blobs = [graph.blob(i, (channels,)) for i in range(4)]
        return [graph.node("BatchNormalization", graph.inputs[0], *blobs, epsilon=param.eps)]
    if param.bn_mode != param.INFERENCE:
        raise graph.fail("takes the batch's own statistics: fold them in (bn_mode: INFERENCE) first")
    sides = (channels, *(1,) * (len(graph.bottoms[0]) - 2))
    return [graph.node("Add", graph.node("Mul", graph.inputs[0], graph.blob(0, sides)), graph.blob(1, sides))]


def _regions(layer_node: LayerNode, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Regions (image 0, x1, y1, x2, y2) within the features, in the image's pixels."""
    height, width = layer_node.bottom_shapes[0].sizes[2:]
    scale = layer_node.layer.scale
    corners = np.sort(random.integers(0, [width, height], (shape[0], 2, 2)), axis=1).reshape(-1, 4)
    return np.concatenate([np.zeros((shape[0], 1)), np.round(corners / scale)], axis=1).astype(np.float32)


@converter("ROIPooling", test_values={1: _regions})
def roi_pooling(graph: LayerGraph) -> list[str]:
    rows = graph.node("Reshape", graph.inputs[1], graph.indices(-1, 5))
    return [
        graph.node(
            "MaxRoiPool", graph.inputs[0], rows, pooled_shape=list(graph.layer.cells), spatial_scale=graph.layer.scale
        )
    ]


@converter("PriorBox")
def prior_box(graph: LayerGraph) -> list[str]:
    """Boxes depend on sizes alone: constants."""
    for shape in graph.bottoms:
        graph.require_fixed(shape, 2, 3)
    return [graph.constant(graph.layer.compute([torch.zeros(1)], [])[0].numpy())]
