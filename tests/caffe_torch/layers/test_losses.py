"""Losses: hand-worked values, normalisation, ignored labels, stability, loss weights."""

import numpy as np
import pytest
from one_layer import OneLayer, normal

from caffe_torch.errors import CaffeError

LOG2 = float(np.log(2))


def sigmoid(text: str = "", x: object = None, t: object = None) -> OneLayer:
    x = np.zeros((2, 4)) if x is None else x
    t = [[1, 0, 1, 1], [0, 0, 1, 0]] if t is None else t
    return OneLayer(f'type: "SigmoidCrossEntropyLoss" loss_param {{ {text} }}', x, t)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", 8 / 2),  # by default over the batch, as Eq. (1) of the paper
        ("normalization: FULL", 1),
        ("normalization: VALID", 1),
        ("normalization: BATCH_SIZE", 4),
        ("normalization: NONE", 8),
        ("normalize: true", 1),
        ("normalize: false", 4),
        ("ignore_label: 1", 4 / 2),
        ("ignore_label: 1 normalization: VALID", 1),
        ("ignore_label: 1 normalization: FULL", 4 / 8),
    ],
)
def test_sigmoid_cross_entropy_normalisation(text: str, expected: float) -> None:
    layer = sigmoid(text)
    assert layer.forward().shape == () and layer.top == pytest.approx(expected * LOG2, rel=1e-6)


def test_sigmoid_cross_entropy_is_stable_and_honours_the_loss_weight() -> None:
    layer = sigmoid("", [[1000, -1000]], [[0, 0]])
    assert layer.forward() == 1000
    np.testing.assert_array_equal(layer.backward(0.5)[0], [[0.5, 0]])


def test_softmax_loss_by_hand() -> None:
    layer = OneLayer('type: "SoftmaxWithLoss" loss_param { ignore_label: 2 }', np.zeros((2, 4, 1)), [[1], [2]], tops=2)
    assert layer.forward() == pytest.approx(np.log(4), rel=1e-6)
    np.testing.assert_allclose(layer.tops[1].data, np.full((2, 4, 1), 0.25))
    np.testing.assert_allclose(layer.backward(2)[0][..., 0], np.array([[0.5, -1.5, 0.5, 0.5], [0, 0, 0, 0]]), rtol=1e-6)


@pytest.mark.parametrize("kind", ["SoftmaxWithLoss", "MultinomialLogisticLoss", "HingeLoss", "Accuracy"])
def test_a_label_that_is_not_a_number_is_named(kind) -> None:
    with pytest.raises(CaffeError, match="a label that is NaN or infinite found; 3 classes allow 0 to 2"):
        OneLayer(f'type: "{kind}"', np.ones((2, 3)), [1, np.nan]).forward()


def test_a_label_outside_is_named() -> None:
    with pytest.raises(CaffeError, match="labels 1 to 4 found; 4 classes allow 0 to 3"):
        OneLayer('type: "SoftmaxWithLoss"', np.zeros((2, 4)), [1, 4]).forward()


def test_euclidean_by_hand() -> None:
    layer = OneLayer('type: "EuclideanLoss"', [[1, 2], [3, 4]], [[1, 0], [0, 4]])
    assert layer.forward() == pytest.approx((4 + 9) / 4)
    first, second = layer.backward(2)
    np.testing.assert_array_equal(first, [[0, 2], [3, 0]])
    np.testing.assert_array_equal(second, -first)


@pytest.mark.parametrize("norm, expected", [("L1", (0 + 1.5 + 2) / 1), ("L2", 0 + 1.5**2 + 2**2)])
def test_hinge_by_hand(norm: str, expected: float) -> None:
    layer = OneLayer(f'type: "HingeLoss" hinge_loss_param {{ norm: {norm} }}', [[2, 0.5, 1]], [0])
    assert layer.forward() == pytest.approx(expected)


def test_contrastive_by_hand() -> None:
    layer = OneLayer(
        'type: "ContrastiveLoss" contrastive_loss_param { margin: 6 }', [[3, 4], [3, 4]], np.zeros((2, 2)), [1, 0]
    )
    assert layer.forward() == pytest.approx((25 + 1) / 4)
    np.testing.assert_allclose(layer.backward()[0], [[1.5, 2], [-0.3, -0.4]], rtol=1e-4)


def test_multinomial_and_infogain_agree_with_softmax() -> None:
    scores, labels = normal(3, 4), [0, 3, 1]
    softmax = OneLayer('type: "SoftmaxWithLoss"', scores, labels)
    infogain = OneLayer('type: "InfogainLoss"', scores, labels, np.eye(4))
    assert infogain.forward() == pytest.approx(float(softmax.forward()), rel=1e-6)
    np.testing.assert_allclose(infogain.backward()[0], softmax.backward()[0], atol=1e-6)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    multinomial = OneLayer('type: "MultinomialLogisticLoss"', probabilities, labels)
    assert multinomial.forward() == pytest.approx(float(softmax.top), rel=1e-6)


@pytest.mark.parametrize(
    "text, bottoms",
    [
        ('type: "SigmoidCrossEntropyLoss"', (normal(3, 4), [[0, 1, 0, 1]] * 3)),
        ('type: "SoftmaxWithLoss" softmax_param { axis: 2 }', (normal(2, 3, 4), [[0, 1, 2], [3, 0, 1]])),
        ('type: "InfogainLoss"', (normal(3, 4), [0, 3, 1], normal(4, 4, seed=1))),
        ('type: "MultinomialLogisticLoss"', (np.full((2, 3), 0.4), [0, 2])),
        ('type: "EuclideanLoss"', (normal(3, 4), normal(3, 4, seed=1))),
        ('type: "HingeLoss" hinge_loss_param { norm: L2 }', (normal(3, 4), [0, 3, 1])),
        (
            'type: "ContrastiveLoss" contrastive_loss_param { margin: 4 }',
            (normal(3, 4), normal(3, 4, seed=1), [0, 1, 0]),
        ),
    ],
)
def test_gradients(text: str, bottoms: tuple[object, ...]) -> None:
    OneLayer(text, *bottoms).check_gradients()


def test_numbers_must_match() -> None:
    with pytest.raises(CaffeError, match="equally many"):
        sigmoid("", np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(CaffeError, match="one label a prediction"):
        OneLayer('type: "SoftmaxWithLoss"', np.zeros((2, 4)), np.zeros((2, 4)))
    for kind in ("HingeLoss", "MultinomialLogisticLoss"):
        with pytest.raises(CaffeError, match=r"one label an item: 2 for .*\(2, 4\), found shape \(2, 3\)"):
            OneLayer(f'type: "{kind}"', np.zeros((2, 4)), np.zeros((2, 3)))
