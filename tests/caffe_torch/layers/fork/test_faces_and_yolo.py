"""Proposal, YOLO's outputs and the losses for faces: by definitions in loops, by hand, by finite differences."""

import math

import numpy as np
import pytest
from one_layer import TEST, OneLayer, normal

import caffe_torch as caffe
from caffe_torch.layers.fork.proposal import anchors, suppress


def test_anchors_are_those_of_the_published_table():
    expected = [[-84, -40, 99, 55], [-176, -88, 191, 103], [-360, -184, 375, 199], [-56, -56, 71, 71],
                [-120, -120, 135, 135], [-248, -248, 263, 263], [-36, -80, 51, 95], [-80, -168, 95, 183],
                [-168, -344, 183, 359]]  # fmt: skip
    np.testing.assert_array_equal(anchors(16, [0.5, 1, 2], [8, 16, 32]), np.array(expected) + 0.0)


PROPOSAL = "proposal_param { ratio: 1 scale: 1 min_size: 4 post_nms_topn: %d nms_thresh: 0.5 }"


def test_proposals_by_hand():
    scores = np.zeros((1, 2, 1, 2))
    scores[0, 1] = [[0.4, 0.9]]
    codes = np.zeros((1, 4, 1, 2))
    codes[0, 2, 0, 0] = math.log(2)
    layer = OneLayer('type: "Proposal" ' + PROPOSAL % 5, scores, codes, [[16, 32, 1]], tops=2, phase=TEST)
    # 16 x 16 at (16, 0); 32 x 16 around (8, 8), cut at the image's left edge.
    np.testing.assert_allclose(layer.forward(), [[0, 16, 0, 31, 15], [0, 0, 0, 24, 15]], atol=1e-5)
    np.testing.assert_allclose(layer.tops[1].data, [[0.9], [0.4]], rtol=1e-6)
    layer.bottoms[0].data[0, 1, 0, 1] = np.nan
    assert layer.forward().shape == (1, 5)
    layer.bottoms[0].data[...] = np.nan
    assert layer.forward().shape == (0, 5)


def test_suppression_in_pixels_counts_both_ends():
    boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 4], [0, 0, 9, 5]], float)
    assert suppress(boxes, 0.5, 9) == [0, 1] and suppress(boxes, 0.4, 9) == [0] and suppress(boxes, 0.9, 1) == [0]


def test_yolo_v3_finds_nothing_above_a_high_threshold():
    settings = (
        "num_classes: 3 num_box: 2 biases: [10, 13, 16, 30, 33, 23, 30, 61] mask: [2, 3, 0, 1] anchors_scale: [32, 16] "
        "mask_group_num: 2 confidence_threshold: 0.999 nms_threshold: 1"
    )
    text = f'type: "Yolov3DetectionOutput" yolov3_detection_output_param {{ {settings} }}'
    none = OneLayer(text, normal(1, 16, 3, 4), normal(1, 16, 4, 6, seed=1), phase=TEST).forward()
    np.testing.assert_array_equal(none.reshape(-1), [0, *[-1] * 6])


def test_center_loss_by_hand():
    x, labels = normal(3, 4), np.array([1, 0, 1], np.float32)
    layer = OneLayer(
        'type: "CenterLoss" center_loss_param { num_output: 2 center_filler { type: "gaussian" } }', x, labels
    )
    centres = layer.params[0].copy()
    difference = x - centres[labels.astype(int)]
    assert layer.forward() == pytest.approx((difference**2).sum() / 6, rel=1e-5)
    np.testing.assert_allclose(layer.backward()[0], difference / 3, rtol=1e-5)
    expected = [-difference[1] / 2, -(difference[0] + difference[2]) / 3]
    np.testing.assert_allclose(layer.layer.blobs[0].diff, expected, rtol=1e-5)


@pytest.mark.parametrize(("kind", "m"), [("SINGLE", 1), ("DOUBLE", 2), ("TRIPLE", 3), ("QUADRUPLE", 4)])
def test_the_margin_of_sphereface(kind, m):
    x, labels = normal(6, 3), np.array([0, 1, 2, 0, 1, 2], np.float32)
    text = (f'type: "MarginInnerProduct" margin_inner_product_param {{ num_output: 3 type: {kind} base: 2 gamma: 1 '
            'power: 1 lambda_min: 0.1 weight_filler { type: "xavier" } }')  # fmt: skip
    layer = OneLayer(text, x, labels, tops=2)
    result, weights = layer.forward(), layer.params[0]
    np.testing.assert_allclose(np.linalg.norm(weights, axis=1), 1, rtol=1e-6)
    weight = 2 * (1 + 1) ** -1.0
    assert layer.tops[1].data == pytest.approx(weight)
    for i, label in enumerate(labels.astype(int)):
        norm = np.linalg.norm(x[i])
        theta = math.acos(np.dot(x[i], weights[label]) / norm)
        k = min(int(theta * m / math.pi), m - 1)
        psi = (-1) ** k * math.cos(m * theta) - 2 * k
        expected = x[i] @ weights.T
        expected[label] = (weight * expected[label] + norm * psi) / (1 + weight)
        np.testing.assert_allclose(result[i], expected, atol=1e-5)
    dy = normal(6, 3, seed=3)
    layer.tops[1].diff[...] = 0
    dx = layer.backward(dy, 0)[0]
    np.testing.assert_allclose(layer.layer.blobs[0].diff, dy.T @ x, rtol=1e-4, atol=1e-5)
    layer.layer.iteration = 0
    for index in ((0, 1), (4, 2)):
        values = []
        for step in (1e-3, -1e-3):
            layer.bottoms[0].data[...] = x
            layer.bottoms[0].data[index] += step
            layer.layer.iteration = 0
            values.append(float((layer.forward().astype(np.float64) * dy).sum()))
        assert dx[index] == pytest.approx((values[0] - values[1]) / 2e-3, rel=3e-2, abs=5e-3)


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "Proposal"', [(1, 4, 2, 2), (1, 36, 2, 2), (1, 3)], "9 anchors need 18"),
        ('type: "YoloDetectionOutput" yolo_detection_output_param { biases: 1 }', [(1, 4, 2, 2)], "10 biases"),
        ('type: "Yolov3DetectionOutput"', [(1, 4, 2, 2)], "mask_group_num"),
        ('type: "CenterLoss"', [(2, 3), (2,)], "num_output"),
        (
            'type: "MarginInnerProduct" margin_inner_product_param { num_output: 2 }',
            [(2, 3), (3,)],
            "one label an item",
        ),
    ],
)
def test_wrong_settings_and_shapes(text, shapes, message):
    with pytest.raises(caffe.CaffeError, match=message):
        OneLayer(text, *[np.zeros(shape) for shape in shapes]).forward()
