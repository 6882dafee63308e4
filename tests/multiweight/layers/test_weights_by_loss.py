"""Weights that follow the losses of the same pass, and weights drawn at random: hand-worked, and their gradients."""

import numpy as np
import plain_blobs
import pytest


def built(monkeypatch, name, **settings):
    """Two groups of one label each, both present: J is log 2 at a score of 0, log(4/3) at log 3."""
    scores = [[[0.0]], [[np.log(3)]]]
    return plain_blobs.build(monkeypatch, name, scores, [[1, 1]], gamma=[1.0, 0.5], **settings)


LOSSES = np.array([np.log(2), np.log(4 / 3)])


def backward(layer, bottom, top):
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True, False], bottom)


def test_uw_so_is_the_softmax_of_the_inverse_losses(monkeypatch):
    layer, bottom, top = built(monkeypatch, "uw_so", temperature=2.0)
    backward(layer, bottom, top)
    power = np.exp(1 / LOSSES / 2)
    weights = np.array([1, 0.5]) * 2 * power / power.sum()
    assert layer.weights() == pytest.approx(weights) and weights[1] / 0.5 > weights[0], "the smaller loss weighs more"
    assert top[0].data[0] == pytest.approx(weights @ LOSSES)
    # The weights have no gradient: p^ - p is -1/2 and -1/4.
    assert bottom[0].diff.item() == pytest.approx(-weights[0] / 2)
    assert bottom[1].diff.item() == pytest.approx(-weights[1] / 4)


def test_uw_so_at_a_high_temperature_is_equal_weights_and_a_loss_of_zero_is_finite(monkeypatch):
    layer, bottom, top = built(monkeypatch, "uw_so", temperature=1e6)
    layer.forward(bottom, top)
    assert layer.weights() == pytest.approx([1, 0.5], rel=1e-5)
    bottom[1].data[...] = 1000
    layer.temperature = 1e-3
    layer.forward(bottom, top)
    assert layer.weights() == pytest.approx([0, 1]) and np.isfinite(top[0].data).all()


def test_log_sum_by_hand_and_by_finite_differences(monkeypatch):
    layer, bottom, top = built(monkeypatch, "log_sum")
    backward(layer, bottom, top)
    assert top[0].data[0] == pytest.approx(np.log(LOSSES) @ [1, 0.5], abs=1e-5)
    assert bottom[0].diff.item() == pytest.approx(-0.5 / LOSSES[0], rel=1e-5)
    assert bottom[1].diff.item() == pytest.approx(-0.25 * 0.5 / LOSSES[1], rel=1e-5)
    scores, labels = plain_blobs.random_case()
    layer, bottom, top = plain_blobs.build(monkeypatch, "log_sum", scores, labels)
    plain_blobs.check_scores(layer, bottom, top, [0.7, 0.0, 2.0, 0.25])


def test_log_sum_does_not_see_the_size_of_a_loss(monkeypatch):
    """Ten times the cost of every label of a group leaves its gradient as it is."""
    diffs = []
    for factor in (1, 10):
        layer, bottom, top = built(monkeypatch, "log_sum")
        plain = layer.objective
        layer.objective = lambda x, p, by=factor, of=plain: tuple(by * part for part in of(x, p))
        backward(layer, bottom, top)
        diffs.append([bottom[0].diff.item(), bottom[1].diff.item()])
    assert diffs[0] == pytest.approx(diffs[1], rel=1e-4)


def test_random_weights_are_drawn_for_each_training_pass_and_go_on_from_a_snapshot(monkeypatch):
    layer, bottom, top = built(monkeypatch, "random_weights")
    drawn = []
    for _ in range(400):
        layer.forward(bottom, top)
        layer.forward(bottom, top)
        assert top[0].data[0] == pytest.approx(layer.weights() @ LOSSES), "a test moves nothing"
        drawn.append(layer.weights() / [1, 0.5])
        backward(layer, bottom, top)
    assert np.sum(drawn, axis=1) == pytest.approx(np.full(400, 2.0))
    # Of two groups the share is 1 / (1 + exp(-z)), z normal with variance 2: mean 1/2, so the mean weight is 1.
    assert np.mean(drawn, axis=0) == pytest.approx([1, 1], abs=0.07) and np.std(drawn) > 0.3
    again, _, _ = built(monkeypatch, "random_weights")
    again.blobs[0].data[...] = 17
    assert again.weights() / [1, 0.5] == pytest.approx(drawn[17])


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_that_is_none(monkeypatch, temperature):
    with pytest.raises(ValueError, match="temperature .*expected a number above 0"):
        built(monkeypatch, "uw_so", temperature=temperature)
