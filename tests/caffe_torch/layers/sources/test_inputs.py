"""Input, DummyData, Parameter."""

import numpy as np
import pytest
from one_layer import OneLayer

from caffe_torch.errors import CaffeError


def test_input_takes_one_shape_or_one_each() -> None:
    one = OneLayer('type: "Input" input_param { shape { dim: 2 dim: 3 } }', tops=2)
    assert [blob.shape for blob in one.tops] == [(2, 3), (2, 3)]
    one.tops[0].reshape(5, 3)
    assert one.forward().shape == (5, 3)
    with pytest.raises(CaffeError, match="one per top"):
        OneLayer('type: "Input" input_param { shape { dim: 2 } shape { dim: 3 } }', tops=3)


def test_dummy_data_fills_constants_once_and_the_rest_each_time() -> None:
    it = OneLayer(
        'type: "DummyData" dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 4 } '
        'data_filler { type: "gaussian" } }',
        tops=2,
    )
    assert (it.forward() == 4).all()
    it.top[...] = 1
    drawn = it.tops[1].data.copy()
    it.forward()
    assert (it.top == 1).all() and (it.tops[1].data != drawn).all()


def test_dummy_data_in_the_old_spelling() -> None:
    it = OneLayer('type: "DummyData" dummy_data_param { num: 1 channels: 2 height: 3 width: 4 }')
    assert it.forward().shape == (1, 2, 3, 4) and not it.top.any()


def test_parameter_is_its_top() -> None:
    it = OneLayer('type: "Parameter" parameter_param { shape { dim: 2 } }')
    it.params[0][...] = [1, 2]
    np.testing.assert_array_equal(it.forward(), [1, 2])
    it.tops[0].diff[...] = 3
    np.testing.assert_array_equal(it.layer.blobs[0].diff, [3, 3])
