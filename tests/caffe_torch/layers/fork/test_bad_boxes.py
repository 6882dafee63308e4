"""Boxes outside the image, boxes that are not numbers, nothing found and no regions, through every detection layer.

What comes out is what the forks' definitions give; ROIPooling and PSROIPooling, whose forks then read beyond their
memory, name the region (test_regions.py).
"""

import math

import numpy as np
import pytest
from one_layer import TEST, OneLayer, normal

import caffe_torch as caffe

NAN = math.nan
NOTHING = [0, *[-1] * 6]
PRIOR = np.array([[[0, 0, 0.4, 0.4, 0.5, 0.5, 0.9, 0.9], [0.1] * 8]])
CODES, SCORES = np.zeros((1, 8)), np.array([[0.1, 0.9, 0.3, 0.7]])
OUTPUT = (
    'type: "DetectionOutput" detection_output_param { num_classes: 2 code_type: CORNER confidence_threshold: 0.5 '
    "nms_param { nms_threshold: 0.5 } keep_top_k: 9 }"
)
LOSS = 'type: "MultiBoxLoss" multibox_loss_param { num_classes: 2 %s }'
BOX = [0, 1, 0, 0.02, 0.02, 0.42, 0.42, 0]


def detected(codes=CODES, scores=SCORES):
    return OneLayer(OUTPUT, codes, scores, PRIOR, phase=TEST).forward().reshape(-1, 7)


def test_detection_output():
    outside = detected(CODES + 20)
    np.testing.assert_allclose(outside[:, 3:], [[2, 2, 2.4, 2.4], [2.5, 2.5, 2.9, 2.9]], rtol=1e-6)
    np.testing.assert_array_equal(detected(scores=np.full((1, 4), NAN)), [NOTHING])
    np.testing.assert_array_equal(detected(scores=np.zeros((1, 4))), [NOTHING])
    codes = CODES.copy()
    codes[0, 4:] = NAN  # the second box: it overlaps nothing by 0.5 or less, so it cannot stay beside the first
    np.testing.assert_array_equal(detected(codes)[:, :3], np.float32([[0, 1, 0.9]]))


def loss(rows, more="", codes=0.1):
    layer = OneLayer(LOSS % more, np.full((1, 8), codes), normal(1, 4), PRIOR, np.reshape(rows, (1, 1, -1, 8)))
    value = layer.forward().item()
    return value, layer.backward()


@pytest.mark.parametrize(
    "more",
    ["", "mining_type: HARD_EXAMPLE sample_size: 2", "use_prior_for_matching: false", "mining_type: NONE",
     "ignore_cross_boundary_bbox: true"],
)  # fmt: skip
def test_multibox_loss_passes_over_boxes_that_overlap_nothing(more):
    expected, gradients = loss([BOX], more)
    for strange in ([0, 1, 0, 4, 4, 5, 5, 0], [0, 1, 0, NAN, 0, 1, 1, 0], [0, 1, 0, *[NAN] * 4, 0]):
        value, result = loss([BOX, strange], more)
        assert value == expected > 0
        np.testing.assert_array_equal(result[0], gradients[0])
    value, result = loss([[-1] * 8], more)
    assert math.isfinite(value) and not result[0].any()


def test_multibox_loss_of_codes_that_are_not_numbers_is_none():
    assert math.isnan(loss([BOX], codes=NAN)[0])


@pytest.mark.parametrize("sizes", [False, True])
def test_detection_evaluate(tmp_path, sizes):
    (tmp_path / "sizes").write_text("a 10 20\n")
    words = f'name_size_file: "{tmp_path}/sizes"' if sizes else ""

    def judged(detections, truth):
        text = f'type: "DetectionEvaluate" detection_evaluate_param {{ num_classes: 2 {words} }}'
        layer = OneLayer(text, np.reshape(detections, (1, 1, -1, 7)), np.reshape(truth, (1, 1, -1, 8)), phase=TEST)
        return layer.forward().reshape(-1, 5)

    right = [0, 1, 0.9, *BOX[3:7]]
    first = [-1, 1, 1, -1, -1]
    np.testing.assert_array_equal(judged(right, BOX), np.float32([first, [0, 1, 0.9, 1, 0]]))
    for box in ([4, 4, 5, 5], [NAN] * 4, [NAN, 0, 1, 1]):
        np.testing.assert_array_equal(judged([0, 1, 0.9, *box], BOX), np.float32([first, [0, 1, 0.9, 0, 1]]))
        np.testing.assert_array_equal(judged(right, [0, 1, 0, *box, 0]), np.float32([first, [0, 1, 0.9, 0, 1]]))
    np.testing.assert_array_equal(judged(NOTHING, BOX), [first])
    np.testing.assert_array_equal(judged(right, [-1] * 8), np.float32([[-1, 1, 0, -1, -1], [0, 1, 0.9, 0, 1]]))
    np.testing.assert_array_equal(judged(NOTHING, [-1] * 8), [[-1, 1, 0, -1, -1]])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("YoloDetectionOutput", "yolo_detection_output_param { num_classes: 2 num_box: 1 biases: [1, 1] "
         "confidence_threshold: 0.1 nms_threshold: 2 }"),
        ("Yolov3DetectionOutput", "yolov3_detection_output_param { num_classes: 2 num_box: 1 biases: [9, 9] mask: 0 "
         "anchors_scale: 8 mask_group_num: 1 confidence_threshold: 0.1 nms_threshold: 2 }"),
    ],
)  # fmt: skip
def test_yolo_outputs(kind, settings):
    x = np.zeros((1, 7, 1, 2))
    x[0, 4:] = 5
    layer = OneLayer(f'type: "{kind}" {settings}', x, phase=TEST)
    x[0, 2, 0, 0] = 4  # wider than the image: its corners lie outside, as in the fork
    layer.bottoms[0].data[...] = x
    rows = layer.forward().reshape(-1, 7)
    assert len(rows) > 1 and rows[:, 3].min() < 0 and rows[:, 5].max() > 1
    x[0, :, 0, 0] = NAN
    layer.bottoms[0].data[...] = x
    assert 0 < len(layer.forward().reshape(-1, 7)) < len(rows)
    layer.bottoms[0].data[...] = NAN
    np.testing.assert_array_equal(layer.forward().reshape(-1, 7), [NOTHING])


def test_losses_of_no_regions_are_zero():
    empty = np.zeros((0, 8))
    for kind in ("SmoothL1Loss", "SmoothL1LossOHEM"):
        layer = OneLayer(f'type: "{kind}"', empty, empty)
        assert layer.forward() == 0 and layer.backward()[0].shape == (0, 8)
    for kind in ("SoftmaxWithLoss", "SoftmaxWithLossOHEM"):
        assert OneLayer(f'type: "{kind}"', np.zeros((0, 3)), np.zeros(0)).forward() == 0


def test_the_annotator_of_no_regions_and_of_losses_that_are_not_numbers():
    text = 'type: "BoxAnnotatorOHEM" box_annotator_ohem_param { roi_per_img: 1 ignore_label: -1 }'
    layer = OneLayer(text, np.zeros((0, 5)), np.zeros((0, 1, 1, 1)), np.zeros((0, 1, 1, 1)), np.zeros((0, 8, 1, 1)),
                     tops=2)  # fmt: skip
    assert layer.forward().shape == (0, 1, 1, 1) and layer.tops[1].data.shape == (0, 8, 1, 1)
    layer = OneLayer(text, np.zeros((2, 5)), np.reshape([1, NAN], (2, 1, 1, 1)), np.ones((2, 1, 1, 1)),
                     np.ones((2, 8, 1, 1)), tops=2)  # fmt: skip
    assert sorted(layer.forward().reshape(-1)) == [-1, 1]


HEADS = {
    "Faster R-CNN": """layer { name: "pool" type: "ROIPooling" bottom: "map" bottom: "rois" top: "pool"
        roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.0625 } }
      layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 3 } }
      layer { name: "out" type: "Softmax" bottom: "fc" top: "out" }""",
    "R-FCN": """layer { name: "pool" type: "PSROIPooling" bottom: "map" bottom: "rois" top: "pool"
        psroi_pooling_param { output_dim: 3 group_size: 2 spatial_scale: 0.0625 } }
      layer { name: "mean" type: "Pooling" bottom: "pool" top: "mean" pooling_param { pool: AVE kernel_size: 2 } }
      layer { name: "soft" type: "Softmax" bottom: "mean" top: "soft" }
      layer { name: "out" type: "Reshape" bottom: "soft" top: "out" reshape_param { shape { dim: -1 dim: 3 } } }""",
}


@pytest.mark.parametrize("form", HEADS)
def test_a_net_whose_proposals_are_none_has_no_rows_and_goes_on(form):
    net = caffe.get_net_from_string(
        """layer { name: "in" type: "Input" top: "scores" top: "codes" top: "info" top: "map"
          input_param { shape { dim: 1 dim: 2 dim: 2 dim: 2 } shape { dim: 1 dim: 4 dim: 2 dim: 2 }
            shape { dim: 1 dim: 3 } shape { dim: 1 dim: 12 dim: 2 dim: 2 } } }
        layer { name: "rois" type: "Proposal" bottom: "scores" bottom: "codes" bottom: "info" top: "rois"
          proposal_param { ratio: 1 scale: 1 } }"""
        + HEADS[form],
        caffe.TEST,
    )
    scores = normal(1, 2, 2, 2)
    for info, codes, rows in (([32, 32, 1], 0, 1), ([32, 32, 9], 0, 0), ([32, 32, 1], NAN, 0), ([NAN, 32, 1], 0, 0),
                              ([32, 32, 1], 0, 1)):  # fmt: skip
        out = net.forward(scores=scores, codes=np.full((1, 4, 2, 2), codes), info=np.float32([info]),
                          map=normal(1, 12, 2, 2))["out"]  # fmt: skip
        assert (len(out) >= 1) == bool(rows) and out.shape[1:] == (3,), (info, out.shape)
