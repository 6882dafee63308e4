"""Dropout: shares, scaling, the same mask back, nothing in the test phase."""

import numpy as np
import pytest
import torch
from one_layer import TEST, OneLayer

from caffe_torch.errors import CaffeError

TEXT = 'type: "Dropout" dropout_param { dropout_ratio: 0.25 }'


@pytest.mark.parametrize("in_place", [False, True])
def test_train_scales_what_it_keeps(in_place: bool) -> None:
    torch.manual_seed(0)
    layer = OneLayer(TEXT, np.ones((100, 100)), in_place=in_place)
    top = layer.forward().copy()
    np.testing.assert_allclose(np.unique(top), [0, 1 / 0.75], rtol=1e-6)
    assert abs((top == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(layer.backward()[0], top)


def test_a_new_mask_each_time() -> None:
    layer = OneLayer(TEXT, np.ones((10, 10)))
    assert (layer.forward().copy() != layer.forward()).any()


@pytest.mark.parametrize("in_place", [False, True])
def test_test_phase_is_the_identity(in_place: bool) -> None:
    layer = OneLayer(TEXT, [[1, 2]], phase=TEST, in_place=in_place)
    np.testing.assert_array_equal(layer.forward(), [[1, 2]])
    np.testing.assert_array_equal(layer.backward([[3, 4]])[0], [[3, 4]])


def test_ratio_must_lie_between() -> None:
    with pytest.raises(CaffeError, match="dropout_ratio"):
        OneLayer('type: "Dropout" dropout_param { dropout_ratio: 1 }', [[1]])
