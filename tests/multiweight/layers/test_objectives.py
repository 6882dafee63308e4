"""What a label costs: hand-worked, against finite differences, and at scores of +-1000."""

import re
from math import log

import numpy as np
import plain_blobs
import pytest

from multiweight.layers import objectives

OBJECTIVES = [
    {"name": "focal"},
    {"name": "focal", "focus": 0.5},
    {"name": "asymmetric"},
    {"name": "asymmetric", "focus": 1, "focus_positive": 2, "margin": 0.2},
    {"name": "asymmetric", "focus": 0.5, "margin": 0.1},
    {"name": "asymmetric", "focus": 3, "margin": 0},
    {"name": "hill"},
    {"name": "hill", "focus": 0.5, "margin": 0.3, "hill": 2},
    {"name": "splc"},
    {"name": "splc", "focus": 1, "margin": 0, "threshold": 0.9},
]
named = pytest.mark.parametrize("values", OBJECTIVES, ids=str)


def cost(values, x, p):
    return objectives.parse(values)(np.array([float(x)]), np.array([float(p)]))[0][0]


def test_hand_worked():
    # At log 3, p^ is 3/4.
    assert cost({"name": "focal"}, log(3), 1) == pytest.approx(log(4 / 3) / 16)
    assert cost({"name": "focal"}, log(3), 0) == pytest.approx(9 / 16 * log(4))
    assert cost({"name": "focal"}, log(3), 0.5) == pytest.approx((log(4 / 3) / 16 + 9 / 16 * log(4)) / 2)
    assert cost({"name": "asymmetric"}, log(3), 1) == pytest.approx(log(4 / 3))
    assert cost({"name": "asymmetric"}, log(3), 0) == pytest.approx(-(0.7**4) * log(0.3))
    # Hill: the margin of 1 takes log 3 + 1 to log 3; (1.5 - 3/4) (3/4)^2.
    assert cost({"name": "hill"}, log(3) + 1, 1) == pytest.approx(log(4 / 3) / 16)
    assert cost({"name": "hill"}, log(3), 0) == pytest.approx(27 / 64)
    # SPLC: 3/4 is above 0.6, so the absent label counts as present, without the margin; 1/4 is not.
    assert cost({"name": "splc"}, log(3) + 1, 1) == pytest.approx(log(4 / 3) / 16)
    assert cost({"name": "splc"}, log(3), 0) == pytest.approx(log(4 / 3) / 16)
    assert cost({"name": "splc", "threshold": 0.8}, log(3), 0) == pytest.approx(9 / 16 * log(4))
    assert cost({"name": "splc"}, -log(3), 0) == pytest.approx(log(4 / 3) / 16)
    # p^ = 1/21 is below the margin of 0.05.
    assert cost({"name": "asymmetric"}, -log(20), 0) == 0


def test_without_focus_it_is_the_sigmoid_cross_entropy():
    x, p = np.linspace(-30, 30, 61), np.tile([0, 1, 0.3], 21)[:61]
    for values in ({"name": "focal", "focus": 0}, {"name": "asymmetric", "focus": 0, "margin": 0}):
        for result, expected in zip(objectives.parse(values)(x, p), objectives.sigmoid(x, p)):
            np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@named
def test_slopes_agree_with_finite_differences(values):
    x, p = np.linspace(-9, 9, 37) + 0.003, np.tile([0.0, 1.0, 0.3], 13)[:37]
    function = objectives.parse(values)
    step = 1e-6
    expected = (function(x + step, p)[0] - function(x - step, p)[0]) / (2 * step)
    # The asymmetric loss bends where p^ is the margin, SPLC leaps where it is the threshold.
    bend = values.get("threshold", 0.6) if values["name"] == "splc" else values.get("margin", 0.05)
    near = np.abs(1 / (1 + np.exp(-x)) - bend) < 1e-4
    assert near.sum() <= 1
    np.testing.assert_allclose(function(x, p)[1][~near], expected[~near], rtol=1e-6, atol=1e-9)


def test_a_weight_of_a_label_where_it_is_present():
    # At log 3 a label that is present costs log(4/3), twice that with a weight of 2; an absent one log 4 as before.
    x, p = np.array([[np.log(3), np.log(3), np.log(3)]]), np.array([[1.0, 0.0, 0.5]])
    result, slope = objectives.parse({"name": "sigmoid", "present": [2, 5, 3]})(x, p)
    np.testing.assert_allclose(result, [[2 * log(4 / 3), log(4), (3 * log(4 / 3) + log(4)) / 2]])
    np.testing.assert_allclose(slope, [[2 * -0.25, 0.75, (3 * -0.25 + 0.75) / 2]])


def test_weights_of_labels_in_the_layer(monkeypatch):
    scores, labels = plain_blobs.random_case()
    labels[1, 2] = -1
    weights = [0.5, 1, 2, 3, 4, 5, 6, 7]
    focal = {"name": "focal", "present": weights}
    layer, bottom, top = plain_blobs.build(monkeypatch, "multi_weight", scores, labels, objective=focal)
    plain_blobs.check_scores(layer, bottom, top, [0.7, 0.0, 2.0, 0.25])
    assert bottom[0].diff[1, 2] == 0, "an unknown label has no gradient"
    layer, bottom, top = plain_blobs.build(
        monkeypatch, "multi_weight", scores, labels, objective={"name": "sigmoid", "present": [1, 2]}
    )
    with pytest.raises(ValueError, match="2 weights of labels that are present for 8 labels"):
        layer.forward(bottom, top)


@named
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores_are_finite(values, dtype):
    x = np.array([-1000, -100, 0, 100, 1000], dtype)
    for p in (0, 1):
        result, slope = objectives.parse(values)(x, np.full(5, p, dtype))
        assert np.isfinite(result).all() and np.isfinite(slope).all() and (result >= 0).all()
    assert objectives.parse(values)(x, np.ones(5, dtype))[0][0] == pytest.approx(1000, rel=2e-3), "and the margin"


@named
def test_the_layer_weights_them(values, monkeypatch):
    scores, labels = plain_blobs.random_case()
    labels[1, 2] = -1
    layer, bottom, top = plain_blobs.build(
        monkeypatch, "multi_weight", scores, labels, gamma=[1.0, 0.3, 0.0002], objective=values
    )
    plain_blobs.check_scores(layer, bottom, top, [0.7, 0.0, 2.0, 0.25])
    assert bottom[0].diff[1, 2] == 0, "an unknown label has no gradient"


@pytest.mark.parametrize(
    "values, words",
    [
        ({"name": "hinge"}, "objective 'hinge' is unknown: expected one of sigmoid, focal"),
        ({"focus": 2}, "objective None is unknown"),
        ({"name": "focal", "margin": 0.1}, "focal has no setting 'margin'"),
        ({"name": "focal", "focus": -1}, "focus -1"),
        ({"name": "asymmetric", "margin": 1}, "margin 1: expected 0 to below 1"),
        ({"name": "splc", "threshold": 1}, "threshold 1: expected 0 to below 1"),
        ({"name": "sigmoid", "present": [1, -1]}, "present [1, -1]: expected a number, 0 or above, a label"),
        ({"name": "hill", "threshold": 0.5}, "hill has no setting 'threshold'"),
        ({"name": "asymmetric", "margin": float("nan")}, "margin nan"),
    ],
)
def test_mistakes(values, words, monkeypatch):
    with pytest.raises(ValueError, match=re.escape(words)):
        objectives.parse(values)
    scores, labels = plain_blobs.random_case()
    with pytest.raises(ValueError, match="MultiWeightLoss: param_str"):
        plain_blobs.build(monkeypatch, "multi_weight", scores, labels, objective=values)


def test_a_key_that_the_layer_does_not_know(monkeypatch):
    scores, labels = plain_blobs.random_case()
    with pytest.raises(ValueError, match="key 'window'"):
        plain_blobs.build(monkeypatch, "multi_weight", scores, labels, window=5)
