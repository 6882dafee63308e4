"""Arrays do not take the place of blobs: TypeError says how values are written."""

import numpy as np
import pytest

import caffe_torch as caffe

NET = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 } }"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)


def assign(net, array):
    net.params["fc"][0] = array


def assign_all(net, array):
    net.params["fc"][:] = [array, array]


def assign_layer(net, array):
    net.params["fc"] = [array, array]


def assign_blob(net, array):
    net.blobs["x"] = array


def append(net, array):
    net.params["fc"].append(array)


def extend(net, array):
    net.params["fc"].extend([array])


def add(net, array):
    net.params["fc"] += [array]


@pytest.mark.parametrize("change", [assign, assign_all, assign_layer, assign_blob, append, extend, add])
def test_an_array_is_no_blob(net, change):
    with pytest.raises(TypeError, match=r"\.data\[\.\.\.\] = array"):
        change(net, np.ones((2, 2), np.float32))
    net.params["fc"][0].data[...] = 1
    assert net.forward(x=np.ones((1, 2)))["y"].tolist() == [[2, 2]]


@pytest.mark.parametrize("name", ["data", "diff"])
def test_an_array_does_not_take_the_place_of_a_blobs_own(net, name):
    with pytest.raises(AttributeError, match=rf"say \.{name}\[\.\.\.\] = array"):
        setattr(net.blobs["x"], name, np.ones((1, 2)))


def test_what_is_asked_for_is_looked_at_before_anything_runs(net):
    before = net.blobs["y"].data.copy()
    net.params["fc"][1].data[...] = 5
    with pytest.raises(TypeError, match=r"found one name: write blobs=\['fc'\]"):
        net.forward("fc")
    with pytest.raises(ValueError, match="the net has no blob z; it has x, y"):
        net.forward(["y", "z"])
    with pytest.raises(ValueError, match="the net has no blob z; it has x, y"):
        net.backward(diffs=["z"])
    np.testing.assert_array_equal(net.blobs["y"].data, before)


def test_an_input_of_another_shape_is_named(net):
    with pytest.raises(ValueError, match=r"forward: x is given an array of shape \(1, 5\), its blob has \(1, 2\)"):
        net.forward(x=np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"forward: x is given an array of shape \(1, 5\), its blob has \(1, 2\)"):
        net.forward_all(x=np.ones((1, 5)))


@pytest.mark.parametrize("shape", [(2.0, 2), ("2", 2), ((2, 2),), (None,)])
def test_an_axis_is_a_whole_number(net, shape):
    with pytest.raises(TypeError, match="a blob's shape is whole numbers"):
        net.blobs["x"].reshape(*shape)
    net.blobs["x"].reshape(np.int64(3), 2)
    assert net.blobs["x"].shape == (3, 2)
