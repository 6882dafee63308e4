"""SSD's layers: priors, codes, suppression, the loss and the evaluation, by definitions in loops and by hand."""

import math

import numpy as np
import pytest
import torch
from one_layer import TEST, OneLayer, normal

import caffe_torch as caffe
from caffe_torch.layers.fork import boxes
from caffe_torch.proto import caffe_pb2

CODES = caffe_pb2.PriorBoxParameter
RNG = np.random.default_rng(0)
PRIORS = 10
LOW = RNG.uniform(0, 0.6, (PRIORS, 2))
CORNERS = np.concatenate([LOW, LOW + RNG.uniform(0.2, 0.4, (PRIORS, 2))], axis=1)
VARIANCES = np.tile([0.1, 0.1, 0.2, 0.2], (PRIORS, 1))
PRIOR = np.stack([CORNERS.reshape(-1), VARIANCES.reshape(-1)])[None]
#: Two boxes in the first image, a difficult one in the second.
TRUTH = np.array([[0, 1, 0, *(CORNERS[2] + 0.02), 0], [0, 2, 0, *(CORNERS[5] - 0.03), 0], [1, 2, 0, *CORNERS[7], 1]])


def iou(a, b):
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize("code", [CODES.CORNER, CODES.CENTER_SIZE, CODES.CORNER_SIZE])
@pytest.mark.parametrize("encoded", [True, False])
def test_codes_are_undone(code, encoded):
    prior, variance, box = (torch.tensor(a) for a in (CORNERS, VARIANCES, np.roll(CORNERS, 3, axis=0)))
    codes = boxes.encode(box, prior, variance, code, encoded)
    torch.testing.assert_close(boxes.decode(codes, prior, variance, code, encoded), box)


def test_a_code_by_hand():
    prior, variance = torch.tensor([[0.0, 0.0, 0.5, 0.5]]), torch.tensor([[0.1, 0.1, 0.2, 0.2]])
    code = torch.tensor([[1.0, 0.0, math.log(2) / 0.2, 0.0]])
    result = boxes.decode(code, prior, variance, CODES.CENTER_SIZE, False)
    torch.testing.assert_close(result, torch.tensor([[0.3 - 0.5, 0, 0.3 + 0.5, 0.5]]))


def test_overlaps_are_the_definition():
    result = boxes.overlaps(torch.tensor(CORNERS), torch.tensor(TRUTH[:, 3:7]))
    expected = [[iou(a, b) for b in TRUTH[:, 3:7]] for a in CORNERS]
    np.testing.assert_allclose(result, expected, atol=1e-12)
    turned = torch.tensor([[0.5, 0.5, 0.1, 0.9]])
    assert not boxes.overlaps(turned, torch.tensor([[0.0, 0.0, 1.0, 1.0]])).any()


def suppress_loops(located, scores, least, threshold, eta, top_k):
    order = sorted((i for i in range(len(scores)) if scores[i] > least), key=lambda i: -scores[i])[:top_k]
    kept = []
    for i in order:
        if all(iou(located[i], located[k]) <= threshold for k in kept):
            kept.append(i)
            if eta < 1 and threshold > 0.5:
                threshold *= eta
    return kept


@pytest.mark.parametrize("settings", [(0.1, 0.45, 1, 400), (0.1, 0.8, 0.7, 400), (0.3, 0.3, 1, 5), (0.99, 0.3, 1, 5)])
def test_suppression_is_the_definition_in_loops(settings):
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 0.3, (60, 2))
    located = np.concatenate([low, low + rng.uniform(0.2, 0.5, (60, 2))], axis=1)
    scores = rng.uniform(size=60)
    assert boxes.suppress(located, scores, *settings) == suppress_loops(located, scores, *settings)


def test_boxes_that_are_not_numbers_are_not_kept_beside_others():
    located = np.array([[0, 0, 1, 1], [np.nan] * 4, [0, 0, 0.1, 0.1]])
    assert boxes.suppress(located, np.array([0.9, 0.8, 0.7]), 0.1, 0.5, 1, -1) == [0, 2]
    assert boxes.suppress(located, np.array([np.nan, np.nan, 0.7]), 0.1, 0.5, 1, -1) == [2]


def test_prior_boxes_in_loops():
    layer = OneLayer('type: "PriorBox" prior_box_param { min_size: 10 max_size: 20 aspect_ratio: 2 aspect_ratio: 1 '
                     "clip: true variance: 0.1 variance: 0.2 variance: 0.3 variance: 0.4 step: 8 }",
                     np.zeros((1, 1, 2, 3)), np.zeros((1, 3, 16, 32)))  # fmt: skip
    expected = []
    for i in range(2):
        for j in range(3):
            for w, h in ((10, 10), (200**0.5,) * 2, (10 * 2**0.5, 10 / 2**0.5), (10 / 2**0.5, 10 * 2**0.5)):
                x, y = (j + 0.5) * 8, (i + 0.5) * 8
                expected += [(x - w / 2) / 32, (y - h / 2) / 16, (x + w / 2) / 32, (y + h / 2) / 16]
    result = layer.forward()
    np.testing.assert_allclose(result[0, 0], np.clip(expected, 0, 1), atol=1e-6)
    np.testing.assert_allclose(result[0, 1].reshape(-1, 4), np.tile([0.1, 0.2, 0.3, 0.4], (24, 1)), rtol=1e-6)


DETECT = "detection_output_param { num_classes: 3 code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } %s }"


def test_detections_come_by_image_and_label_and_none_is_a_row_of_its_own():
    scores = np.random.default_rng(2).dirichlet(np.ones(3), (2, PRIORS)).reshape(2, -1)
    layer = OneLayer('type: "DetectionOutput" ' + DETECT % "confidence_threshold: 0.3 keep_top_k: 4",
                     0.3 * normal(2, 4 * PRIORS), scores, PRIOR, phase=TEST)  # fmt: skip
    rows = layer.forward().reshape(-1, 7)
    assert [(r[0], r[1]) for r in rows] == sorted((r[0], r[1]) for r in rows)
    assert np.bincount(rows[:, 0].astype(int)).tolist() == [4, 4] and rows[:, 2].min() > 0.3
    layer = OneLayer('type: "DetectionOutput" ' + DETECT % "confidence_threshold: 0.99",
                     np.zeros((2, 4 * PRIORS)), scores, PRIOR, phase=TEST)  # fmt: skip
    np.testing.assert_array_equal(layer.forward().reshape(-1, 7), [[0, *[-1] * 6], [1, *[-1] * 6]])


@pytest.mark.parametrize(
    "more",
    ["", "mining_type: HARD_EXAMPLE sample_size: 5", "mining_type: NONE conf_loss_type: LOGISTIC loc_loss_type: L2",
     "code_type: CENTER_SIZE match_type: BIPARTITE use_difficult_gt: false loc_weight: 2",
     "mining_type: NONE share_location: false", "bp_inside: true overlap_threshold: 0.2",
     "mining_type: NONE share_location: false use_prior_for_matching: false conf_loss_type: LOGISTIC",
     "ignore_cross_boundary_bbox: true nms_param { nms_threshold: 0.4 } use_prior_for_nms: true"],
)  # fmt: skip
def test_gradients_of_the_multibox_loss(more):
    columns = 3 if "share_location: false" in more else 1
    OneLayer(f'type: "MultiBoxLoss" multibox_loss_param {{ num_classes: 3 {more} }}',
             0.3 * normal(1, 4 * columns * PRIORS),
             normal(1, 3 * PRIORS, seed=1), PRIOR, TRUTH[:2].reshape(1, 1, -1, 8)
             ).check_gradients(step=1e-3, seed=5, tolerance=4e-2)  # fmt: skip


def test_variances_in_the_codes_are_in_the_loss_and_not_in_its_gradient():
    """As SSD has it: the difference is divided by the variances, the gradient by the codes is not."""
    result = []
    for more in ("", "encode_variance_in_target: true"):
        codes = np.zeros((1, 4 * PRIORS), np.float32)
        layer = OneLayer(f'type: "MultiBoxLoss" multibox_loss_param {{ num_classes: 3 loc_loss_type: L2 {more} }}',
                         codes, np.zeros((1, 3 * PRIORS)), PRIOR, TRUTH[:2].reshape(1, 1, -1, 8))  # fmt: skip
        result.append((layer.forward().item(), layer.backward()[0].copy()))
    # From codes of 0 both are the same distance away.
    assert result[0][0] == pytest.approx(result[1][0]) and result[0][1].any()
    np.testing.assert_allclose(result[0][1], result[1][1], rtol=1e-5)


def test_images_without_boxes_give_a_loss_of_the_scores_alone():
    layer = OneLayer('type: "MultiBoxLoss" multibox_loss_param { num_classes: 3 mining_type: NONE }',
                     normal(2, 4 * PRIORS), np.zeros((2, 3 * PRIORS)), PRIOR, np.full((1, 1, 1, 8), -1))  # fmt: skip
    assert layer.forward() == pytest.approx(2 * PRIORS * math.log(3), rel=1e-6)
    assert not layer.backward()[0].any()


def test_evaluation_by_hand():
    result = [[0, 1, 0.9, 0, 0, 0.5, 0.5], [0, 1, 0.8, 0, 0, 0.5, 0.45], [0, 1, 0.7, 0.6, 0.6, 0.9, 0.9],
             [1, 2, 0.6, 0.1, 0.1, 0.4, 0.4]]  # fmt: skip
    truth = [[0, 1, 0, 0, 0, 0.5, 0.5, 0], [1, 2, 0, 0.1, 0.1, 0.4, 0.4, 1]]
    for counts, rows in ((True, [1, 1]), (False, [1, 0])):
        layer = OneLayer('type: "DetectionEvaluate" detection_evaluate_param { num_classes: 3 evaluate_difficult_gt: '
                         f'{str(counts).lower()} }}', np.reshape(result, (1, 1, 4, 7)), np.reshape(truth, (1, 1, 2, 8)),
                         phase=TEST)  # fmt: skip
        expected = [[-1, 1, rows[0], -1, -1], [-1, 2, rows[1], -1, -1], [0, 1, 0.9, 1, 0], [0, 1, 0.8, 0, 1],
                    [0, 1, 0.7, 0, 1], [1, 2, 0.6, int(counts), 0]]  # fmt: skip
        np.testing.assert_allclose(layer.forward().reshape(-1, 5), expected, rtol=1e-6)


def test_sizes_in_pixels_are_read_image_by_image(tmp_path):
    (tmp_path / "sizes.txt").write_text("a 10 20\nb 30 40\n")
    layer = OneLayer(f'type: "DetectionEvaluate" detection_evaluate_param {{ num_classes: 2 overlap_threshold: 0.3 '
                     f'name_size_file: "{tmp_path}/sizes.txt" }}',
                     np.reshape([0, 1, 0.9, 0, 0, 0.1, 0.1], (1, 1, 1, 7)),
                     np.reshape([0, 1, 0, 0.05, 0.05, 0.2, 0.2, 0], (1, 1, 1, 8)), phase=TEST)  # fmt: skip
    # 2 x 1 and 3 x 1.5 pixels, ends included: (1 + 1) (0.5 + 1) of (3 x 2) + (4 x 2.5) - 3.
    assert layer.forward()[0, 0, 1, 3:].tolist() == ([1, 0] if 3 / 13 >= 0.3 else [0, 1])
    layer.forward()
    assert layer.layer.state_dict() == {"seen": 0}


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "PriorBox"', [(1, 1, 2, 2), (1, 3, 8, 8)], "min_size"),
        ('type: "PriorBox" prior_box_param { min_size: 4 max_size: 3 }', [(1, 1, 2, 2), (1, 3, 8, 8)], "one max_size"),
        ('type: "DetectionOutput"', [(1, 4), (1, 1), (1, 2, 4)], "num_classes"),
        ('type: "DetectionOutput" detection_output_param { num_classes: 2 }', [(1, 4), (1, 3), (1, 2, 4)], "4 codes"),
        ('type: "MultiBoxLoss" multibox_loss_param { num_classes: 2 share_location: false }',
         [(1, 8), (1, 2), (1, 2, 4), (1, 1, 1, 8)], "mining_type: NONE alone"),
        ('type: "MultiBoxLoss" multibox_loss_param { num_classes: 2 mining_type: HARD_EXAMPLE sample_size: 0 }',
         [(1, 4), (1, 2), (1, 2, 4), (1, 1, 1, 8)], "sample_size"),
        ('type: "MultiBoxLoss" multibox_loss_param { num_classes: 2 }', [(1, 4), (1, 2), (1, 2, 4), (1, 1, 1, 8)],
         "has label 0, the background"),
        ('type: "DetectionEvaluate" detection_evaluate_param { num_classes: 2 name_size_file: "/no/such" }',
         [(1, 1, 1, 7), (1, 1, 1, 8)], "name height width"),
    ],
)  # fmt: skip
def test_wrong_settings_and_shapes(text, shapes, message):
    with pytest.raises(caffe.CaffeError, match=message):
        OneLayer(text, *[np.zeros(shape) for shape in shapes]).forward()
