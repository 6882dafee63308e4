"""Blobs: deferred content, zeros that are not written yet, and NumPy views that stay live through all of it."""

import gc

import numpy as np
import pytest
import torch

import caffe_torch as caffe
from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeMemoryError
from caffe_torch.runtime import free_memory

NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 6 dim: 9 dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 } }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
"""
BLOBS = ["x", "conv", "norm", "pool", "fc"]


@pytest.fixture
def net(tmp_path):
    caffe.set_random_seed(3)
    (tmp_path / "net.prototxt").write_text(NET)
    loaded = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    loaded.file = tmp_path / "net.prototxt"
    return loaded


def run_unread(net, seed):
    """A net with the same weights, run once, of which nobody has seen a blob but the input."""
    other = caffe.Net(str(net.file), caffe.TRAIN)
    for mine, theirs in zip(other.params.values(), net.params.values()):
        for a, b in zip(mine, theirs):
            a.data[...] = b.data
    run(other, seed)
    return other


def run(net, seed, before_backward=()):
    random = np.random.default_rng(seed)
    net.blobs["x"].data[...] = random.standard_normal(net.blobs["x"].data.shape)
    net.clear_param_diffs()
    net.forward()
    for name in before_backward:
        net.blobs[name].data.sum()
    net.blobs["fc"].diff[...] = random.standard_normal(net.blobs["fc"].data.shape)
    net.backward()


def everything(net):
    arrays = {f"{n} data": net.blobs[n].data.copy() for n in BLOBS}
    arrays.update({f"{n} diff": net.blobs[n].diff.copy() for n in BLOBS})
    arrays.update({f"{n} {i}": b.diff.copy() for n, blobs in net.params.items() for i, b in enumerate(blobs)})
    return arrays


def test_reading_blobs_at_any_time_changes_nothing(net):
    run(net, 1)
    run(net, 2)
    unread = everything(net)
    other = run_unread(net, 1)
    run(other, 1, BLOBS)
    views = {n: (other.blobs[n].data, other.blobs[n].diff) for n in BLOBS}
    run(other, 2)
    for name, array in everything(other).items():
        np.testing.assert_allclose(array, unread[name], rtol=1e-5, atol=1e-6, err_msg=name)
    for name, (data, diff) in views.items():  # the views of the first iteration show the second
        np.testing.assert_array_equal(data, other.blobs[name].data)
        np.testing.assert_array_equal(diff, other.blobs[name].diff)


def test_a_gradient_read_after_the_next_forward_is_still_the_last_backwards(net):
    run(net, 1)
    norm = everything(net)["norm diff"]
    run(net, 1)
    net.blobs["x"].data[...] = 5
    net.forward()
    np.testing.assert_allclose(net.blobs["norm"].diff, norm, rtol=1e-5, atol=1e-7)


def test_changing_a_bottom_by_hand_does_not_change_a_top_that_was_computed_from_it(net):
    run(net, 1)
    expected = everything(net)["norm data"]
    other = run_unread(net, 1)
    other.blobs["conv"].data[...] = 7
    np.testing.assert_allclose(other.blobs["norm"].data, expected, rtol=1e-5)


def test_lrn_and_pooling_keep_no_blob_between_them(net):
    run(net, 1)
    blob = net.blobs["norm"]
    assert blob.deferred() is not None and blob.deferred_diff() is not None
    tensors = [t for t in gc.get_objects() if issubclass(type(t), torch.Tensor)]
    shapes = [tuple(t.shape) for t in tensors if t.device.type == "cpu"]
    assert shapes.count((4, 8, 7, 7)) <= 2  # conv's data and diff


def test_an_input_of_another_shape_goes_through(net):
    fresh = run_unread(net, 1)
    for shape in ((2, 6, 9, 9), (5, 6, 9, 9), (4, 6, 9, 9)):
        fresh.blobs["x"].reshape(*shape)
        run(fresh, 2)
        expected = run_unread(net, 1)
        expected.blobs["x"].reshape(*shape)
        run(expected, 2, BLOBS)
        np.testing.assert_array_equal(fresh.blobs["norm"].data, expected.blobs["norm"].data)
        np.testing.assert_array_equal(fresh.blobs["norm"].diff, expected.blobs["norm"].diff)


def test_deferred_content_of_a_blob_with_a_view_is_computed_at_once():
    blob, source = Blob(2, 3), Blob(2, 3)
    view = blob.data
    blob.defer(lambda part, out: out.fill_(4), torch.empty(2, 3, device="meta"), source)
    np.testing.assert_array_equal(view, np.full((2, 3), 4))


def test_cleared_gradients_are_zeros_whenever_they_are_read_and_live_views_see_it():
    blob = Blob(2, 2)
    blob.accumulate_diff(torch.ones(2, 2))
    blob.clear_diff()
    blob.accumulate_product(torch.ones(2, 1), torch.full((1, 2), 3.0))
    view = blob.diff
    np.testing.assert_array_equal(view, np.full((2, 2), 3))
    blob.accumulate_product(torch.ones(2, 1), torch.full((1, 2), 3.0))
    np.testing.assert_array_equal(view, np.full((2, 2), 6))
    blob.clear_diff()
    np.testing.assert_array_equal(view, np.zeros((2, 2)))
    blob.accumulate_product(torch.ones(2, 1), torch.full((1, 2), 2.0))
    np.testing.assert_array_equal(view, np.full((2, 2), 2))


def test_memory_read_by_deferred_content_is_not_changed_through_numpy():
    blob = Blob(2)
    blob.assign_diff(torch.ones(2))
    read = blob.read_only_diff()
    blob.diff[...] = 9
    assert read.tolist() == [1, 1]


def test_memory_outlives_a_smaller_shape():
    blob = Blob(2, 3)
    blob.data[...] = np.arange(6).reshape(2, 3)
    blob.reshape(1, 3)
    assert blob.data.tolist() == [[0, 1, 2]]
    blob.data[0, 0] = 7
    blob.reshape(1, 2)
    blob.reshape(2, 3)
    assert blob.data.tolist() == [[7, 1, 2], [3, 4, 5]]
    blob.reshape(3, 3)
    assert blob.data.reshape(-1).tolist() == [7, 1, 2, 3, 4, 5, 0, 0, 0]
    blob.reshape(1, 3)
    blob.assign(torch.ones(1, 3))
    blob.reshape(2, 3)
    assert blob.data.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_a_gradient_there_is_no_memory_for_is_named(monkeypatch):
    blob = Blob(20 << 20)  # 84 MB of data, and none yet of a gradient
    assert blob.data.size == 20 << 20
    monkeypatch.setattr(free_memory, "available", lambda: 50_000_000)
    with pytest.raises(CaffeMemoryError, match=r"shape \(20971520,\) needs 83.9 MB of memory, 50 MB are free"):
        blob.diff  # noqa: B018 (asking for it is what makes it)
