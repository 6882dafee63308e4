"""The trunks: from an image to the feature that all tasks share. A new one is a function here, and nothing elsewhere.

A function takes the net under construction and returns its last blob and that blob's channels; layers have the names of
the published nets, so that a published .caffemodel fills them by name. ``side`` is the last blob's width and height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable

_ALL_BRANCHES = ("fc8", "fc7", "fc6")


@dataclass(frozen=True)
class Trunk:
    """``hidden``: whether fc6 and fc7 follow, with ``hidden_bias`` (else tasks branch at fc8 alone); ``feature``: the
    blob to retrieve by; ``first``: the first layer; ``source``: what the layers and their names follow;
    ``batch_norm``: whether BatchNorm and Scale follow every layer, fc6 and fc7 too; ``rate`` multiplies the rule for
    base_lr (``solvers.base_lr``)."""

    name: str
    title: str
    build: Callable[[Any], tuple[Any, int]]
    side: Callable[[int], int]
    source: str
    first: str = "conv1"
    hidden: bool = True
    hidden_bias: float = 0.1
    feature: str = "fc7"
    batch_norm: bool = False
    rate: float = 1.0

    @property
    def branches(self) -> tuple[str, ...]:
        return _ALL_BRANCHES if self.hidden else _ALL_BRANCHES[:1]

    @property
    def least(self) -> int:
        """The smallest crop of which anything is left, pixels."""
        return next(crop for crop in range(1, 512) if self.side(crop) >= 1)


TRUNKS: dict[str, Trunk] = {}

_Build = Callable[[Any], tuple[Any, int]]


def trunk(name: str, title: str, side: Callable[[int], int], source: str, **more: Any) -> Callable[[_Build], _Build]:
    """Register a trunk under ``name``."""

    def register(build: _Build) -> _Build:
        TRUNKS[name] = Trunk(name, title, build, side, source, **more)
        return build

    return register


def std(full: float, fan_in: float) -> float:
    """Caffe's AlexNet's standard deviation for a layer with ``fan_in`` times the full net's inputs a unit.

    std * sqrt(inputs) is kept, so that a narrow net starts with activations as large as the full one's.
    """
    return float(f"{full / math.sqrt(fan_in):.4g}")


def _pooled(side: int) -> int:
    """3 x 3 windows at every second pixel; poolings round up."""
    return math.ceil((side - 3) / 2) + 1 if side >= 3 else 0


def _alexnet_side(crop: int) -> int:
    """6 for crops 224 and 227. Convolutions round down, poolings up."""
    return _pooled(_pooled(_pooled((crop - 11) // 4 + 1 if crop >= 11 else 0)))


@trunk("alexnet", "AlexNet", _alexnet_side, "bvlc_alexnet: conv, ReLU, norm, pool")
def alexnet(net: Any) -> tuple[Any, int]:
    """AlexNet as Caffe trains it."""
    n, w = net.spec, net.settings.width
    n.conv1, n.relu1 = net.conv(n.data, 96, kernel=11, stride=4, std=0.01, bias=0)
    n.norm1 = net.norm(n.relu1)
    n.pool1 = net.pool(n.norm1)
    n.conv2, n.relu2 = net.conv(n.pool1, 256, kernel=5, pad=2, group=2, std=std(0.01, w), bias=0.1)
    n.norm2 = net.norm(n.relu2)
    n.pool2 = net.pool(n.norm2)
    return _conv3_to_pool5(net, n.pool2, 0.1)


@trunk("caffenet", "CaffeNet", _alexnet_side, "bvlc_reference_caffenet: conv, ReLU, pool, norm", hidden_bias=1.0)
def caffenet(net: Any) -> tuple[Any, int]:
    """CaffeNet: AlexNet with pooling before normalisation, and biases of 1."""
    n, w = net.spec, net.settings.width
    n.conv1, n.relu1 = net.conv(n.data, 96, kernel=11, stride=4, std=0.01, bias=0)
    n.pool1 = net.pool(n.relu1)
    n.norm1 = net.norm(n.pool1)
    n.conv2, n.relu2 = net.conv(n.norm1, 256, kernel=5, pad=2, group=2, std=std(0.01, w), bias=1)
    n.pool2 = net.pool(n.relu2)
    n.norm2 = net.norm(n.pool2)
    return _conv3_to_pool5(net, n.norm2, 1)


@trunk(
    "alexnet_bn", "AlexNet-BN", _alexnet_side, "bvlc_alexnet with BatchNorm and Scale in place of LRN, biases and "
    "Gaussian weights (Ioffe and Szegedy 2015)", batch_norm=True, rate=10.0,
)  # fmt: skip
def alexnet_bn(net: Any) -> tuple[Any, int]:
    """AlexNet that learns from few images at high rates: every layer is normalised over the batch."""
    n = net.spec
    top = _conv_relu(net, "1", n.data, 96, kernel=11, stride=4)
    n.pool1 = net.pool(top)
    top = _conv_relu(net, "2", n.pool1, 256, kernel=5, pad=2, group=2)
    n.pool2 = net.pool(top)
    top = _conv_relu(net, "3", n.pool2, 384, kernel=3, pad=1)
    top = _conv_relu(net, "4", top, 384, kernel=3, pad=1, group=2)
    top = _conv_relu(net, "5", top, 256, kernel=3, pad=1, group=2)
    n.pool5 = net.pool(top)
    return n.pool5, net.settings.units(256)


def _conv_relu(net: Any, number: str, bottom: Any, channels: int, **more: int) -> Any:
    conv, norm, scale = f"conv{number}", f"bn{number}", f"scale{number}"
    top = _normalised(net, conv, norm, scale, bottom, channels, bias_term=False, **more)
    net.spec[f"relu{number}"] = net.layers.ReLU(top, in_place=True)
    return net.spec[f"relu{number}"]


def _conv3_to_pool5(net: Any, bottom: Any, bias: float) -> tuple[Any, int]:
    n, w = net.spec, net.settings.width
    n.conv3, n.relu3 = net.conv(bottom, 384, kernel=3, pad=1, std=std(0.01, w), bias=0)
    n.conv4, n.relu4 = net.conv(n.relu3, 384, kernel=3, pad=1, group=2, std=std(0.01, w), bias=bias)
    n.conv5, n.relu5 = net.conv(n.relu4, 256, kernel=3, pad=1, group=2, std=std(0.01, w), bias=bias)
    n.pool5 = net.pool(n.relu5)
    return n.pool5, net.settings.units(256)


def _vgg_side(crop: int) -> int:
    """7 of 224: five poolings of 2 x 2, which round up."""
    return 0 if crop < 1 else math.ceil(crop / 32)


@trunk("vgg16", "VGG16", _vgg_side, "VGG_ILSVRC_16_layers", first="conv1_1", hidden_bias=0.0)
def vgg16(net: Any) -> tuple[Any, int]:
    """VGG-16: thirteen convolutions of 3 x 3 in five stages."""
    n, top, channels = net.spec, net.spec.data, 0
    for stage, (channels, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for number in range(1, count + 1):
            name = f"{stage}_{number}"
            n[f"conv{name}"], n[f"relu{name}"] = net.conv(top, channels, kernel=3, pad=1, bias=0)
            top = n[f"relu{name}"]
        top = n[f"pool{stage}"] = net.pool(top, kernel=2)
    return top, net.settings.units(channels)


def _resnet_side(crop: int) -> int:
    """1: the last pooling takes the mean over all that is left."""
    return 1 if crop >= 7 else 0


@trunk("resnet50", "ResNet50", _resnet_side, "ResNet-50 of He et al.", hidden=False, feature="pool5")
def resnet50(net: Any) -> tuple[Any, int]:
    """ResNet-50: sixteen bottlenecks in four stages, the mean over the last one's pixels."""
    n = net.spec
    top = _normalised(net, "conv1", "bn_conv1", "scale_conv1", n.data, 64, kernel=7, pad=3, stride=2, bias_term=True)
    n["conv1_relu"] = net.layers.ReLU(top, in_place=True)
    top = n.pool1 = net.pool(n["conv1_relu"])
    for stage, (channels, blocks) in enumerate(((256, "abc"), (512, "abcd"), (1024, "abcdef"), (2048, "abc")), 2):
        for letter in blocks:
            stride = 2 if letter == "a" and stage > 2 else 1
            top = _bottleneck(net, f"{stage}{letter}", top, channels, stride, letter == "a")
    n.pool5 = net.layers.Pooling(top, pool=net.params.Pooling.AVE, global_pooling=True)
    return n.pool5, net.settings.units(2048)


def _bottleneck(net: Any, name: str, bottom: Any, channels: int, stride: int, project: bool) -> Any:
    """Three convolutions beside what goes past them, as it is or through one of 1 x 1."""
    n, past = net.spec, bottom
    if project:
        past = _branch(net, f"{name}_branch1", bottom, channels, kernel=1, stride=stride)
    top = bottom
    for letter, size, kernel in (("a", channels // 4, 1), ("b", channels // 4, 3), ("c", channels, 1)):
        branch = f"{name}_branch2{letter}"
        top = _branch(net, branch, top, size, kernel=kernel, pad=kernel // 2, stride=stride if letter == "a" else 1)
        if letter != "c":
            n[f"res{branch}_relu"] = net.layers.ReLU(top, in_place=True)
            top = n[f"res{branch}_relu"]
    n[f"res{name}"] = net.layers.Eltwise(past, top)
    n[f"res{name}_relu"] = net.layers.ReLU(n[f"res{name}"], in_place=True)
    return n[f"res{name}_relu"]


def _branch(net: Any, name: str, bottom: Any, channels: int, **more: int) -> Any:
    return _normalised(net, f"res{name}", f"bn{name}", f"scale{name}", bottom, channels, bias_term=False, **more)


def _normalised(net: Any, conv: str, norm: str, scale: str, bottom: Any, channels: int, **more: Any) -> Any:
    """A convolution, its BatchNorm, and the Scale that BatchNorm lacks in Caffe."""
    n = net.spec
    n[conv] = net.plain_conv(bottom, channels, **more)
    n[norm], n[scale] = batch_norm(net, n[conv])
    return n[scale]


def batch_norm(net: Any, bottom: Any, **scale: Any) -> tuple[Any, Any]:
    """BatchNorm and Scale after ``bottom``, in place; ``scale`` are further fields of the Scale layer."""
    # The three blobs are running sums that the layer moves by itself.
    normalised = net.layers.BatchNorm(bottom, in_place=True, param=[dict(lr_mult=0, decay_mult=0)] * 3)
    return normalised, net.layers.Scale(normalised, in_place=True, bias_term=True, **scale)
