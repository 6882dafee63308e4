"""Nets of known shapes for export: the paper's four, the trunks at a narrow width, and SqueezeNet's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import generated

import caffe_torch
from caffe_torch import layers as L
from caffe_torch import params as P
from caffe_torch.files import prototxt
from multiweight.nets import nets, prototxt_text
from multiweight.nets.settings import NetSettings
from multiweight.nets.trunks import TRUNKS

REPOSITORY = Path(__file__).resolve().parents[2]


def _squeezed(spec: Any, name: str, bottom: Any, squeeze: int, expand: int) -> Any:
    """A squeeze of 1 x 1, then an expansion half by 1 x 1 and half by 3 x 3, side by side."""

    def convolution(suffix: str, source: Any, outputs: int, **window: int) -> Any:
        spec[f"{name}/{suffix}"] = top = L.Convolution(source, num_output=outputs, **window)
        spec[f"{name}/{suffix}_relu"] = relu = L.ReLU(top, in_place=True)
        return relu

    thin = convolution("squeeze1x1", bottom, squeeze, kernel_size=1)
    wide = [convolution(f"expand{k}x{k}", thin, expand, kernel_size=k, pad=k // 2) for k in (1, 3)]
    spec[f"{name}/concat"] = top = L.Concat(*wide)
    return top


def squeezenet() -> Any:
    """Fire modules between poolings that round up, a convolution for a classifier, and a mean over space."""
    spec = caffe_torch.NetSpec()
    spec.data = L.Input(shape=dict(dim=[1, 3, 67, 67]))
    spec.conv1 = L.Convolution(spec.data, num_output=8, kernel_size=3, stride=2)
    spec.relu_conv1 = L.ReLU(spec.conv1, in_place=True)
    spec.pool1 = L.Pooling(spec.conv1, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    top = _squeezed(spec, "fire2", spec.pool1, 4, 8)
    spec.pool3 = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    spec.drop9 = L.Dropout(_squeezed(spec, "fire3", spec.pool3, 4, 16), in_place=True)
    spec.conv10 = L.Convolution(spec.drop9, num_output=10, kernel_size=1)
    spec.relu_conv10 = L.ReLU(spec.conv10, in_place=True)
    spec.pool10 = L.Pooling(spec.conv10, pool=P.Pooling.AVE, global_pooling=True)
    spec.prob = L.Softmax(spec.pool10)
    return spec.to_proto()


def _trunk(name: str) -> Any:
    """The deploy net of a trunk at a sixteenth of its width, under the multi-task head."""
    settings = NetSettings(trunk=name, size=67, crop=67, width=1 / 16).for_head("multi_task")
    return nets.deploy(caffe_torch, settings, generated.CATALOG, name=name)


def _paper(method: str) -> Any:
    return prototxt.read_net(REPOSITORY / "prototxt" / method / "deploy.prototxt")


METHODS = ("multi_label", "multi_task", "multi_weight", "multi_weight_third")
NETS = {
    **{f"prototxt/{method}": (_paper, method) for method in METHODS},
    **{f"{trunk}, narrow": (_trunk, trunk) for trunk in TRUNKS},
    "squeezenet": (lambda _: squeezenet(), ""),
}


def text(name: str) -> str:
    """The prototxt of one of NETS."""
    make, argument = NETS[name]
    return prototxt_text.render(make(argument))
