"""Input, DummyData, Parameter."""

import numpy as np
import pytest
from one_layer import OneLayer

from caffe_torch.errors import CaffeError


def test_input_takes_one_shape_or_one_each() -> None:
    layer = OneLayer('type: "Input" input_param { shape { dim: 2 dim: 3 } }', tops=2)
    assert [blob.shape for blob in layer.tops] == [(2, 3), (2, 3)]
    layer.tops[0].reshape(5, 3)
    assert layer.forward().shape == (5, 3)
    with pytest.raises(CaffeError, match="one per top"):
        OneLayer('type: "Input" input_param { shape { dim: 2 } shape { dim: 3 } }', tops=3)


def test_dummy_data_fills_constants_once_and_the_rest_each_time() -> None:
    layer = OneLayer(
        'type: "DummyData" dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 4 } '
        'data_filler { type: "gaussian" } }',
        tops=2,
    )
    assert (layer.forward() == 4).all()
    layer.top[...] = 1
    drawn = layer.tops[1].data.copy()
    layer.forward()
    assert (layer.top == 1).all() and (layer.tops[1].data != drawn).all()


def test_dummy_data_in_the_old_spelling() -> None:
    layer = OneLayer('type: "DummyData" dummy_data_param { num: 1 channels: 2 height: 3 width: 4 }')
    assert layer.forward().shape == (1, 2, 3, 4) and not layer.top.any()


def test_parameter_is_its_top() -> None:
    layer = OneLayer('type: "Parameter" parameter_param { shape { dim: 2 } }')
    layer.params[0][...] = [1, 2]
    np.testing.assert_array_equal(layer.forward(), [1, 2])
    layer.tops[0].diff[...] = 3
    np.testing.assert_array_equal(layer.layer.blobs[0].diff, [3, 3])
