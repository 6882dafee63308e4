"""Eltwise, Reduction, Scale, Bias, BatchNorm."""

import numpy as np
import pytest
from one_layer import TEST, OneLayer, normal

from caffe_torch.errors import CaffeError


@pytest.mark.parametrize(
    "text, expected",
    [("", [[5, 7]]), ("coeff: 2 coeff: -1", [[-2, -1]]), ("operation: PROD", [[4, 10]]), ("operation: MAX", [[4, 5]])],
)
def test_eltwise(text: str, expected: object) -> None:
    layer = OneLayer(f'type: "Eltwise" eltwise_param {{ {text} }}', [[1, 2]], [[4, 5]])
    np.testing.assert_array_equal(layer.forward(), expected)
    layer.check_gradients()


def test_eltwise_refuses() -> None:
    with pytest.raises(CaffeError, match="one shape"):
        OneLayer('type: "Eltwise"', [[1, 2]], [[1]])
    with pytest.raises(CaffeError, match="one coeff a bottom"):
        OneLayer('type: "Eltwise" eltwise_param { coeff: 1 }', [[1, 2]], [[1, 2]])


@pytest.mark.parametrize(
    "operation, expected", [("SUM", [-2, 8]), ("ASUM", [4, 8]), ("SUMSQ", [10, 34]), ("MEAN", [-1, 4])]
)
def test_reduction(operation: str, expected: object) -> None:
    layer = OneLayer(f'type: "Reduction" reduction_param {{ operation: {operation} axis: 1 }}', [[1, -3], [3, 5]])
    np.testing.assert_array_equal(layer.forward(), expected)
    layer.check_gradients()


def test_scale_and_bias_broadcast_over_the_other_axes() -> None:
    layer = OneLayer('type: "Scale" scale_param { bias_term: true }', np.ones((1, 2, 2)))
    assert [p.tolist() for p in layer.params] == [[1, 1], [0, 0]]
    layer.params[0][...], layer.params[1][...] = [2, 3], [10, 20]
    np.testing.assert_array_equal(layer.forward(), [[[12, 12], [23, 23]]])
    layer.check_gradients()
    OneLayer('type: "Scale" scale_param { axis: 0 }', normal(2, 3), normal(2)).check_gradients()
    OneLayer('type: "Bias" bias_param { axis: 1 }', normal(2, 3), normal(3)).check_gradients()
    with pytest.raises(CaffeError, match="does not match"):
        OneLayer('type: "Bias" bias_param { axis: 1 }', normal(2, 3), normal(2))


def test_batch_norm_gathers_and_uses_its_statistics() -> None:
    x = normal(4, 3, 2, 2)
    layer = OneLayer('type: "BatchNorm" batch_norm_param { moving_average_fraction: 0.5 }', x)
    y = layer.forward()
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), 1, rtol=1e-3)
    layer.forward()
    assert layer.params[2].item() == 1.5
    np.testing.assert_allclose(layer.params[0], 1.5 * x.mean(axis=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.params[1], 1.5 * x.var(axis=(0, 2, 3), ddof=1), rtol=1e-4)
    assert [spec.lr_mult for spec in layer.layer.param.param] == [0, 0, 0]
    test = OneLayer('type: "BatchNorm"', x, phase=TEST)
    test.params[0][...], test.params[1][...], test.params[2][...] = 2, 8, 2
    np.testing.assert_allclose(test.forward(), (x - 1) / 2, rtol=1e-4, atol=1e-6)
