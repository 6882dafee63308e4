"""ROIPooling, PSROIPooling, SmoothL1Loss and training on hard examples: definitions in loops, gradients, bad boxes."""

import math

import numpy as np
import pytest
from one_layer import TEST, TRAIN, OneLayer, normal

import caffe_torch as caffe

ROI = 'type: "ROIPooling" roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.5 }'
PSROI = 'type: "PSROIPooling" psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 0.5 }'
#: Inside, half outside, one pixel, turned inside out, outside.
BOXES = np.array(
    [[0, 0, 0, 11, 9], [1, 4, 2, 30, 30], [0, 5, 5, 5, 5], [1, 9, 8, 3, 2], [0, 60, 60, 90, 90]], np.float32
)


@pytest.mark.parametrize(("text", "channels"), [(ROI, 3), (PSROI, 8)])
def test_gradients_of_regions_inside_and_outside(text, channels):
    layer = OneLayer(text, normal(2, channels, 5, 6), BOXES)
    assert not layer.forward()[4].any()
    layer.check_gradients(step=1e-3, seed=5)


def test_of_equal_values_the_first_in_reading_order_gets_the_gradient():
    layer = OneLayer('type: "ROIPooling" roi_pooling_param { pooled_h: 1 pooled_w: 1 }',
                     np.array([[[[0, 0, 1], [0, 1, 1]]]]), np.array([[0, 0, 0, 2, 1]]))  # fmt: skip
    layer.forward()
    np.testing.assert_array_equal(layer.backward(np.full((1, 1, 1, 1), 5))[0][0, 0], [[0, 0, 5], [0, 0, 0]])


@pytest.mark.parametrize("text", [ROI, PSROI])
def test_no_regions_give_an_empty_blob(text):
    layer = OneLayer(text, normal(2, 8, 5, 6), np.zeros((0, 5)))
    assert layer.forward().shape[0] == 0
    layer.layer.backward(layer.tops, [True, False], layer.bottoms)
    assert not layer.bottoms[0].diff.any()


@pytest.mark.parametrize("text", [ROI, PSROI])
@pytest.mark.parametrize(
    ("box", "message"),
    [([0, 1, math.nan, 2, 3], "region 1 is not finite"), ([2, 1, 1, 2, 2], "the batch has 2"),
     ([0, 1, 1, math.inf, 2], "not finite"), ([-1, 1, 1, 2, 2], "images -1 to")],
)  # fmt: skip
def test_bad_regions_are_named(text, box, message):
    with pytest.raises(caffe.CaffeError, match=message):
        OneLayer(text, normal(2, 8, 5, 6), np.array([[0, 0, 0, 4, 4], box])).forward()


def test_smooth_l1_by_hand():
    layer = OneLayer('type: "SmoothL1Loss"', [[0.5, 3, 0, 0]], [[0, 0, 0, 2]])
    assert layer.forward() == pytest.approx(0.125 + 2.5 + 1.5)
    layer = OneLayer('type: "SmoothL1Loss" smooth_l1_loss_param { sigma: 2 }', [[0.5, 3], [0, 0]], np.zeros((2, 2)),
                     np.full((2, 2), 0.5), np.full((2, 2), 3))  # fmt: skip
    assert layer.forward() == pytest.approx(3 * (0.5 * (2 * 0.25) ** 2 + 1.5 - 0.125) / 2)
    layer.check_gradients(step=1e-3, seed=5)


def test_hard_example_losses_also_give_every_positions_own():
    fixed = "loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 8 }"
    layer = OneLayer(f'type: "SmoothL1LossOHEM" {fixed}', normal(4, 8, 1, 1), normal(4, 8, 1, 1, seed=1),
                     np.ones((4, 8, 1, 1)), tops=2)  # fmt: skip
    layer.forward()
    d = np.abs(normal(4, 8, 1, 1) - normal(4, 8, 1, 1, seed=1))
    own = np.where(d < 1, 0.5 * d * d, d - 0.5).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(layer.tops[1].data, own, rtol=1e-6)
    assert layer.top == pytest.approx(own.sum() / 8)
    scores, labels = normal(4, 3), np.array([0, 2, 1, -1], np.float32)
    layer = OneLayer('type: "SoftmaxWithLossOHEM" loss_param { ignore_label: -1 normalization: PRE_FIXED '
                     "pre_fixed_normalizer: 8 }", scores, labels, tops=2)  # fmt: skip
    layer.forward()
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    own = [-math.log(p[i, int(label)]) if label >= 0 else 0 for i, label in enumerate(labels)]
    np.testing.assert_allclose(layer.tops[1].data.reshape(-1), own, rtol=1e-5)
    assert layer.top == pytest.approx(sum(own) / 8, rel=1e-5)


def test_the_annotator_keeps_the_largest_losses_of_each_image():
    rois = np.array([[0, 0, 0, 1, 1]] * 3 + [[1, 0, 0, 1, 1]] * 2, np.float32)
    weights = np.arange(40, dtype=np.float32).reshape(5, 8, 1, 1)
    layer = OneLayer('type: "BoxAnnotatorOHEM" box_annotator_ohem_param { roi_per_img: 2 ignore_label: -1 }', rois,
                     np.reshape([1, 3, 2, 5, 4], (5, 1, 1, 1)), np.reshape([7, 8, 9, 1, 2], (5, 1, 1, 1)), weights,
                     tops=2)  # fmt: skip
    np.testing.assert_array_equal(layer.forward().reshape(-1), [-1, 8, 9, 1, 2])
    expected = weights.copy()
    expected[0] = 0
    np.testing.assert_array_equal(layer.tops[1].data, expected)


def test_dropout_of_fast_r_cnn_scales_when_testing():
    text = 'type: "Dropout" dropout_param { dropout_ratio: 0.25 scale_train: false }'
    np.testing.assert_array_equal(OneLayer(text, np.full((2, 3), 8), phase=TEST).forward(), np.full((2, 3), 6))
    assert set(np.unique(OneLayer(text, np.full((40, 30), 8), phase=TRAIN).forward())) == {0, 8}
    segnets = 'type: "Dropout" dropout_param { sample_weights_test: true }'
    assert set(np.unique(OneLayer(segnets, np.full((40, 30), 8), phase=TEST).forward())) == {0, 16}


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "ROIPooling"', [(1, 2, 3, 3), (1, 5)], "pooled_h 0"),
        (ROI, [(1, 2, 3), (1, 5)], "4 axes"),
        (PSROI, [(1, 7, 3, 3), (1, 5)], "8 channels"),
        ('type: "SmoothL1Loss"', [(2, 2), (2, 2), (2, 2)], "found 3"),
        ('type: "SmoothL1Loss"', [(2, 2), (2, 3)], "as large as"),
    ],
)
def test_wrong_settings_and_shapes(text, shapes, message):
    with pytest.raises(caffe.CaffeError, match=message):
        OneLayer(text, *[np.zeros(shape) for shape in shapes]).forward()
