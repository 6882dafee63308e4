"""Settings and blobs that a fork's layer cannot have: each is one CaffeError with the layer and what was found."""

import math
import warnings

import numpy as np
import pytest
from one_layer import TEST, OneLayer, normal

from caffe_torch.errors import CaffeError

NAN, INF = math.nan, math.inf
IMAGE = normal(1, 3, 4, 4)
PRIOR = np.array([[[0, 0, 0.4, 0.4, 0.5, 0.5, 0.9, 0.9], [0.1] * 8]])
TRUE_BOX = [0, 1, 0, 0.02, 0.02, 0.42, 0.42, 0]
FOUND_BOX = [0, 1, 0.9, 0.02, 0.02, 0.42, 0.42]
MULTIBOX = 'type: "MultiBoxLoss" multibox_loss_param { num_classes: 2 %s }'
EVALUATE = 'type: "DetectionEvaluate" detection_evaluate_param { num_classes: 2 }'
YOLO = (
    'type: "Yolov3DetectionOutput" yolov3_detection_output_param { num_classes: 2 num_box: 1 biases: [9, 9] mask: 0 '
    "mask_group_num: 1 confidence_threshold: 0.1 nms_threshold: 0.5 anchors_scale: %d }"
)
OHEM = 'type: "BoxAnnotatorOHEM" box_annotator_ohem_param { roi_per_img: 2 ignore_label: -1 }'


def multibox_bottoms(codes=8, prior=PRIOR, truth=TRUE_BOX):
    return np.full((1, codes), 0.1), normal(1, 4), prior, np.reshape(truth, (1, 1, -1, 8))


def changed(row, place, value):
    row = list(row)
    row[place] = value
    return row


@pytest.mark.parametrize(
    ("text", "bottoms", "said"),
    [
        (f'type: "PriorBox" prior_box_param {{ min_size: 3 {setting} }}', (IMAGE, IMAGE), said)
        for setting, said in (
            ("aspect_ratio: inf", "finite.*inf"), ("variance: nan", "finite.*nan"), ("max_size: inf", "finite.*inf"),
            ("step: -8", "step must be above 0, found -8"), ("step_h: 0 step_w: 8", "step_h must be above 0, found 0"),
            ("img_size: 0", "img_size must be above 0"), ("step: nan", "step must be above 0, found nan"),
        )
    ]
    + [
        (f'type: "Proposal" proposal_param {{ {setting} }}', (normal(1, 2, 2, 2), normal(1, 4, 2, 2), [[32, 32, 1]]),
         "ratios and scales must be above 0 and finite")
        for setting in ("ratio: nan scale: 8", "ratio: 0 scale: 8", "ratio: -1 scale: 8", "ratio: 1 scale: inf")
    ]
    + [
        (MULTIBOX % "neg_pos_ratio: nan", multibox_bottoms(), "neg_pos_ratio.*found nan"),
        (MULTIBOX % "neg_pos_ratio: inf", multibox_bottoms(), "neg_pos_ratio.*found inf"),
        (MULTIBOX % "background_label_id: 2", multibox_bottoms(), "background_label_id below num_classes 2, found 2"),
        (MULTIBOX % "", multibox_bottoms(prior=PRIOR[:0]), "needs priors of shape"),
        (MULTIBOX % "", (np.zeros(()), *multibox_bottoms()[1:]), "need 0 codes"),
        ('type: "DetectionOutput" detection_output_param { num_classes: 2 }',
         (np.zeros((1, 8)), np.zeros((1, 4)), PRIOR[:0]), "needs priors of shape"),
        (YOLO % 0, (normal(1, 7, 2, 2),), r"anchors_scale must be 1 or more, found \[0\]"),
        ('type: "MarginInnerProduct" margin_inner_product_param { num_output: 3 gamma: -1 }',
         (normal(4, 5), [0, 1, 2, 1]), "gamma must be 0 or more, found -1"),
        ('type: "SmoothL1Loss" smooth_l1_loss_param { sigma: 0 }', (normal(2, 4), normal(2, 4)), "sigma.*found 0"),
        ('type: "SmoothL1LossOHEM"', (normal(8), normal(8)), "needs a row per region"),
        (OHEM, (np.zeros((4, 5)), normal(4, 1), np.ones((4, 1)), normal(3, 8)), r"needs box weights.*\(3, 8\)"),
        (OHEM, (np.zeros((4, 5)), normal(4, 1), np.ones((4, 1)), normal(1)), "needs box weights"),
        ('type: "SegAccuracy"', (normal(3), [0]), "needs a blob of 4 axes"),
        ('type: "Normalize"', (normal(3),), "needs a channel axis"),
        ('type: "Normalize" norm_param { }', (normal(3),), "needs a channel axis"),
    ],
)  # fmt: skip
def test_a_setting_or_a_blob_that_cannot_be_is_named(text, bottoms, said):
    with pytest.raises(CaffeError, match=f"'it'.*{said}"):
        OneLayer(text, *bottoms, phase=TEST, tops=2 if text == OHEM else 1).forward()


@pytest.mark.parametrize("value", [INF, 1e30, 2e9])
@pytest.mark.parametrize("place", [0, 1])
def test_a_found_box_of_no_image_or_class_is_named(value, place):
    row = np.reshape(changed(FOUND_BOX, place, value), (1, 1, 1, 7))
    layer = OneLayer(EVALUATE, row, np.reshape(TRUE_BOX, (1, 1, 1, 8)), phase=TEST)
    with pytest.raises(CaffeError, match="a box found is of image .* and label .*, which are no such numbers"):
        layer.forward()


@pytest.mark.parametrize("value", [INF, 1e30])
def test_a_true_box_of_no_image_is_named(value):
    row = np.reshape(changed(TRUE_BOX, 0, value), (1, 1, 1, 8))
    for layer in (OneLayer(EVALUATE, np.reshape(FOUND_BOX, (1, 1, 1, 7)), row, phase=TEST),
                  OneLayer(MULTIBOX % "", *multibox_bottoms(truth=row))):  # fmt: skip
        with pytest.raises(CaffeError, match="a true box is of image .*, which is no image's number"):
            layer.forward()


@pytest.mark.parametrize("shape", [(0, 8, 2, 2), (2, 8, 0, 2)])
def test_channels_of_no_values_are_shuffled_into_none(shape):
    assert (
        OneLayer('type: "ShuffleChannel" shuffle_channel_param { group: 4 }', np.zeros(shape)).forward().shape == shape
    )


@pytest.mark.parametrize("value", [INF, -INF, 1e30])
def test_endless_codes_give_boxes_or_none_without_a_warning(value):
    output = 'type: "DetectionOutput" detection_output_param { num_classes: 2 nms_param { nms_threshold: 0.5 } }'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = OneLayer(output, np.full((1, 8), value), [[0.1, 0.9, 0.3, 0.7]], PRIOR, phase=TEST).forward()
        assert found.shape[3] == 7 and found[0, 0, 0, 2] == np.float32(0.9)
        rows = OneLayer(YOLO % 8, np.full((1, 7, 2, 2), value), phase=TEST).forward()
        assert rows.shape[3] == 7 and (rows[0, 0, 0, 1] == -1) == (value < 0)
