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
    "dropout": (["dropout_param { scale_train: false dropout_ratio: 0.3 }"], [X], "Dropout"),
    "hole": (["convolution_param { num_output: 3 kernel_size: 3 hole: 2 weight_filler { type: \"xavier\" } }"], [X],
             "Convolution"),
    "axpy": ([""], [(2, 8, 1, 1), X, X], "Axpy"),
    "bn": (["bn_param { frozen: true }", "bn_param { momentum: 0.9 }", "bn_param { bn_mode: INFERENCE }"], [X], "BN"),
    "depthwise": (["convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: \"xavier\" } }"], [X],
                  "DepthwiseConvolution"),
    "roi_pooling": (["roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.25 }"], [X, (5, 5)], "ROIPooling"),
}  # fmt: skip


def _inputs(shapes):
    return "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        + " ".join(f"dim: {n}" for n in shape) + " } } }\n"
        for name, shape in zip("abc", shapes)
    )  # fmt: skip


def _net(tmp_path, kind, settings, shapes):
    bottoms = " ".join(f'bottom: "{name}"' for name in "abc"[: len(shapes)])
    layer = f'layer {{ name: "it" type: "{kind}" {bottoms} top: "it" {settings} }}'
    return small.net(tmp_path, _inputs(shapes) + layer)


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


PROPOSAL = "proposal_param { ratio: 1 scale: 1 min_size: 4 post_nms_topn: 5 nms_thresh: 0.5 }"
YOLO = "yolo_detection_output_param { num_classes: 3 num_box: 2 biases: 1 biases: 1 biases: 2 biases: 2 }"
YOLO3 = """yolov3_detection_output_param { num_classes: 3 num_box: 1 biases: 9 biases: 9 mask: 0 anchors_scale: 8
  mask_group_num: 1 }"""
DETECTION = "detection_output_param { num_classes: 2 }"


@pytest.mark.parametrize(
    ("kind", "settings", "shapes", "message"),
    [
        ("PSROIPooling", "psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 1 }", [X, (5, 5)],
         "size depends on the data.*--until a2,b2 "),
        ("Proposal", PROPOSAL, [(1, 2, 3, 3), (1, 4, 3, 3), (1, 3)], "depends on the data.*--until a2,b2,c2 "),
        ("YoloDetectionOutput", YOLO, [(1, 16, 2, 2)], "depends on the data.*--until a2 "),
        ("Yolov3DetectionOutput", YOLO3, [(1, 8, 2, 2)], "depends on the data.*--until a2 "),
        ("DetectionOutput", DETECTION, [(1, 12), (1, 6), (1, 2, 12)],
         "depends on the data.*--until a2,b2,c2 .*docs/EXPORT.md"),
        ("BN", "bn_param { bn_mode: LEARN }", [X], "bn_mode: INFERENCE"),
    ],
)  # fmt: skip
def test_what_onnx_cannot_say_is_refused_by_name(tmp_path, kind, settings, shapes, message):
    layers = "".join(
        f'layer {{ name: "{name}2" type: "Power" bottom: "{name}" top: "{name}2" }}\n' for name in "abc"[: len(shapes)]
    )
    layers += f'layer {{ name: "it" type: "{kind}" top: "it" {settings} '
    layers += " ".join(f'bottom: "{name}2"' for name in "abc"[: len(shapes)]) + " }"
    net = small.net(tmp_path, _inputs(shapes) + layers)
    with pytest.raises(caffe.CaffeError, match=rf"'it'.*{message}") as error:
        export.onnx(net, tmp_path / "net.onnx", batch=shapes[0][0])
    assert kind in str(error.value) and not (tmp_path / "net.onnx").exists()
