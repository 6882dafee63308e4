"""Dynamic weight average: its windows, its weights, and that tests leave it alone."""

import numpy as np
import plain_blobs
import pytest


def passes(layer, bottom, top, count=1, scale=1.0):
    for _ in range(count):
        layer.forward(bottom, top)
        top[0].diff[...] = scale
        layer.backward(top, [True] * (len(bottom) - 1) + [False], bottom)


def test_hand_worked(monkeypatch):
    layer, bottom, top = plain_blobs.build(
        monkeypatch, "dwa", [[[0.0]], [[0.0]]], [[1, 1]], window=2, temperature=2.0, gamma=[1.0, 0.5]
    )
    passes(layer, bottom, top, 2)  # J = log 2 both
    assert layer.weights() == pytest.approx([1, 0.5]), "after one window nothing is known of a change"
    bottom[0].data[...] = np.log(3)  # J_0 falls to log(4/3), J_1 stays
    passes(layer, bottom, top, 2)
    ratios = np.array([np.log(4 / 3) / np.log(2), 1.0])
    shares = 2 * np.exp(ratios / 2) / np.exp(ratios / 2).sum()
    assert layer.weights() == pytest.approx(shares * [1, 0.5])
    assert layer.weights()[0] < 1, "what falls fast is weighted less"
    layer.forward(bottom, top)
    assert top[0].data[0] == pytest.approx(np.dot(layer.weights(), layer.loss))


def test_gradients_agree_with_finite_differences(monkeypatch):
    scores, labels = plain_blobs.random_case()
    layer, bottom, top = plain_blobs.build(monkeypatch, "dwa", scores, labels, window=1000)
    layer.blobs[0].data[3] = [0.5, 1.5, 1.0]
    plain_blobs.check_scores(layer, bottom, top, [0.7, 0.0, 2.0, 0.25])


def test_forward_alone_moves_nothing_and_a_loss_of_zero_is_no_fall(monkeypatch):
    layer, bottom, top = plain_blobs.build(monkeypatch, "dwa", [[[1000.0]], [[0.0]]], [[1, 1]], window=1)
    layer.forward(bottom, top)
    assert layer.blobs[1].data == pytest.approx([0, 0])
    passes(layer, bottom, top, 3)
    assert layer.weights() == pytest.approx([1, 1]) and layer.blobs[1].data == pytest.approx([0, 3])


def test_its_state_goes_on_from_its_blobs(monkeypatch):
    scores, labels = plain_blobs.random_case()
    uninterrupted, bottom, top = plain_blobs.build(monkeypatch, "dwa", scores, labels, window=3)
    again, other, its = plain_blobs.build(monkeypatch, "dwa", scores, labels, window=3)
    for n in range(7):
        bottom[0].data[...] *= 0.9
        passes(uninterrupted, bottom, top)
        if n == 4:
            for mine, theirs in zip(again.blobs, uninterrupted.blobs):
                mine.data[...] = theirs.data
        elif n > 4:
            other[0].data[...] = bottom[0].data
            passes(again, other, its)
    for mine, theirs in zip(again.blobs, uninterrupted.blobs):
        np.testing.assert_array_equal(mine.data, theirs.data)
    assert uninterrupted.blobs[1].data == pytest.approx([1, 2]) and not np.allclose(uninterrupted.weights(), 1)


@pytest.mark.parametrize("settings", [{"window": 0}, {"temperature": 0}])
def test_mistakes(monkeypatch, settings):
    scores, labels = plain_blobs.random_case()
    with pytest.raises(ValueError, match="temperature .* window"):
        plain_blobs.build(monkeypatch, "dwa", scores, labels, **settings)
