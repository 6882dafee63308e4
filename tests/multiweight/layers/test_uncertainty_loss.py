"""Weights by homoscedastic uncertainty: its total, its gradients, and where the solver takes it."""

import numpy as np
import plain_blobs
import pytest


def test_hand_worked(monkeypatch):
    # One image, one label per group, scores 0: J_t = log 2. s = (0, log 2): weights 1 and 1/2.
    layer, bottom, top = plain_blobs.build(monkeypatch, "uncertainty", [[[0]], [[0]]], [[1, 0]])
    layer.blobs[0].data[...] = [0, np.log(2)]
    layer.forward(bottom, top)
    assert top[0].data[0] == pytest.approx(1.5 * np.log(2) + np.log(2) / 2)
    assert top[2].data[0] == pytest.approx(np.log(2)), "the reports are without weights"
    top[0].diff[...] = 2
    layer.backward(top, [True, True, False], bottom)
    assert bottom[0].diff == pytest.approx(np.array([[-1.0]])) and bottom[1].diff == pytest.approx(np.array([[0.5]]))
    assert layer.blobs[0].diff == pytest.approx(2 * (0.5 - np.array([1, 0.5]) * np.log(2)))


@pytest.mark.parametrize("objective", [{"name": "sigmoid"}, {"name": "focal"}, {"name": "asymmetric"}], ids=str)
def test_gradients_agree_with_finite_differences(monkeypatch, objective):
    scores, labels = plain_blobs.random_case()
    layer, bottom, top = plain_blobs.build(monkeypatch, "uncertainty", scores, labels, objective=objective)
    layer.blobs[0].data[...] = [0.5, -1.0, 2.0]
    weights = [0.7, 0.0, 2.0, 0.25]
    objective = plain_blobs.check_scores(layer, bottom, top, weights)
    result = layer.blobs[0].diff.copy()
    np.testing.assert_allclose(result, plain_blobs.numeric(objective, layer.blobs[0].data), atol=1e-7)
    layer.backward(top, [True] * 3 + [False], bottom)
    np.testing.assert_allclose(layer.blobs[0].diff, 2 * result, err_msg="gradients of several passes add up")


def test_at_rest_a_weight_is_the_inverse_of_twice_its_loss(monkeypatch):
    scores, labels = plain_blobs.random_case()
    layer, bottom, top = plain_blobs.build(monkeypatch, "uncertainty", scores, labels)
    top[0].diff[...] = 1
    for _ in range(4000):
        layer.blobs[0].diff[...] = 0
        layer.forward(bottom, top)
        layer.backward(top, [True] * 3 + [False], bottom)
        layer.blobs[0].data[...] -= 0.02 * layer.blobs[0].diff
    np.testing.assert_allclose(np.exp(-layer.blobs[0].data), 1 / (2 * layer.loss), rtol=1e-6)
