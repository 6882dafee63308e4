"""Coordinate maps by hand; pycaffe's own tests of them run in tests/parity."""

import pytest

from caffe_torch.coord_map import AxisMismatchException, compose, coord_map_from_to, crop, inverse
from caffe_torch.net_spec import layers as L


def test_pooling_halves_and_deconvolution_doubles():
    data = L.Input(shape={"dim": [1, 3, 50, 50]})
    pool = L.Pooling(data, kernel_size=2, stride=2)
    up = L.Deconvolution(pool, convolution_param={"num_output": 3, "kernel_size": 4, "stride": 2})
    axis, scale, shift = coord_map_from_to(pool, data)
    assert (axis, float(scale[0]), float(shift[0])) == (1, 2.0, 0.5)
    layer = crop(up, data)
    assert layer.fn.params["crop_param"] == {"axis": 2, "offset": [1]}


def test_what_cannot_be_cropped_says_why():
    data = L.Input(shape={"dim": [1, 3, 50, 50]})
    with pytest.raises(AssertionError, match="scale"):
        crop(L.Pooling(data, kernel_size=2, stride=2), data)
    with pytest.raises(AssertionError, match="negative"):
        crop(L.Convolution(data, kernel_size=3, num_output=1), data)
    with pytest.raises(RuntimeError, match="not joined"):
        coord_map_from_to(L.InnerProduct(data, num_output=3), data)
    with pytest.raises(AxisMismatchException, match="1 and 2"):
        compose((1, 1, 0), (2, 1, 0))
    assert inverse((1, 2, 3)) == (1, 0.5, -1.5)
