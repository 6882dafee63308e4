"""Layers of Caffe's forks as ONNX: each in onnxruntime, at two batch sizes, where export checks it against the net."""

from __future__ import annotations

import numpy as np
import pytest
import small

import caffe_torch as caffe
from caffe_torch import export

X = (2, 8, 6, 10)
CASES = {
    "permute": (["permute_param { order: 0 order: 2 order: 3 order: 1 }"], [X], "Permute"),
    "shuffle": (["shuffle_channel_param { group: 4 }"], [X], "ShuffleChannel"),
    "reorg": (["reorg_param { stride: 2 }", "reorg_param { stride: 2 reverse: true }"], [X], "Reorg"),
    "flip": (["", "flip_param { flip_height: true }"], [X], "Flip"),
    "normalize": (
        ["norm_param { across_spatial: false channel_shared: false }", "norm_param { channel_shared: true }", "",
         'normalize_param { normalize_type: "L1" }'],
        [X], "Normalize",
    ),
    "relu6": (["", "relu6_param { negative_slope: 0.1 }"], [X], "ReLU6"),
    "interp": (
        ["interp_param { height: 11 width: 7 }", "interp_param { zoom_factor: 3 pad_beg: -1 }",
         "interp_param { shrink_factor: 2 }"],
        [X], "Interp",
    ),
    "upsample": (["upsample_param { scale: 2 }"], [X], "Upsample"),
    "unpooling": (["upsample_param { upsample_h: 12 upsample_w: 20 }"], [X, X], "Upsample"),
    "axpy": ([""], [(2, 8, 1, 1), X, X], "Axpy"),
    "bn": (["bn_param { frozen: true }", "bn_param { momentum: 0.9 }", "bn_param { bn_mode: INFERENCE }"], [X], "BN"),
    "depthwise": (["convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: \"xavier\" } }"], [X],
                  "DepthwiseConvolution"),
    "roi_pooling": (["roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.25 }"], [X, (5, 5)], "ROIPooling"),
}  # fmt: skip


def _net(tmp_path, kind, settings, shapes):
    inputs = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        + " ".join(f"dim: {n}" for n in shape) + " } } }\n"
        for name, shape in zip("abc", shapes)
    )  # fmt: skip
    bottoms = " ".join(f'bottom: "{name}"' for name in "abc"[: len(shapes)])
    return small.net(tmp_path, inputs + f'layer {{ name: "it" type: "{kind}" {bottoms} top: "it" {settings} }}')


@pytest.mark.parametrize("name", CASES)
def test_onnxruntime_agrees(tmp_path, name):
    texts, shapes, kind = CASES[name]
    for settings in texts:
        deviation = export.onnx(_net(tmp_path, kind, settings, shapes), tmp_path / "net.onnx")
        assert deviation.runs == 2 and deviation.worst < 1e-5, settings


def test_prior_boxes_are_constants(tmp_path):
    settings = "prior_box_param { min_size: 4 max_size: 6 aspect_ratio: 2 variance: 0.1 }"
    net = _net(tmp_path, "PriorBox", settings, [X, (2, 3, 24, 40)])
    export.onnx(net, tmp_path / "net.onnx")
    (boxes,) = small.run(tmp_path / "net.onnx", a=small.images(*X), b=small.images(2, 3, 24, 40))
    net.forward()
    assert boxes.shape == (1, 2, 6 * 10 * 4 * 4)
    np.testing.assert_array_equal(boxes, net.blobs["it"].data)


def test_what_depends_on_the_data_is_refused_by_name(tmp_path):
    net = _net(tmp_path, "PSROIPooling", "psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 1 }",
               [X, (5, 5)])  # fmt: skip
    with pytest.raises(caffe.CaffeError, match=r"'it' \(PSROIPooling\).*depends on the data"):
        export.onnx(net, tmp_path / "net.onnx")
