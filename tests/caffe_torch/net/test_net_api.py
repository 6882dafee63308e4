"""pycaffe's methods of Net: batches of any length, memory data, callbacks, names."""

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 2
        weight_filler { type: "gaussian" std: 1 } } }
layer { name: "tanh" type: "TanH" bottom: "fc" top: "y" }
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_forward_all_takes_any_number_and_gives_as_many(net, count):
    x = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    out = net.forward_all(blobs=["fc"], x=x)
    w, b = (p.data for p in net.params["fc"])
    np.testing.assert_allclose(out["fc"], x @ w.T + b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out["y"], np.tanh(x @ w.T + b), rtol=1e-5, atol=1e-6)


def test_forward_backward_all_gives_the_gradients_of_each_batch(net):
    random = np.random.default_rng(0)
    x, g = random.normal(size=(6, 3)).astype(np.float32), random.normal(size=(6, 2)).astype(np.float32)
    out, diffs = net.forward_backward_all(diffs=["fc"], x=x, y=g)
    expected = g * (1 - out["y"] ** 2)
    np.testing.assert_allclose(diffs["fc"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(diffs["x"], expected @ net.params["fc"][0].data, rtol=1e-5, atol=1e-6)
    with pytest.raises(CaffeError, match="'z'.*neither inputs nor outputs"):
        net.forward_backward_all(z=x)


@pytest.mark.parametrize("gradient", [np.full(1, 3), np.full((), 3), 3.0])
def test_a_loss_takes_its_gradient_as_a_number_or_as_an_array_of_one(tmp_path, gradient):
    (tmp_path / "net.prototxt").write_text(
        NET + 'layer { name: "l" type: "Reduction" bottom: "y" top: "l" loss_weight: 1 }'
    )
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.forward(x=np.ones((4, 3)))
    once = net.backward()["x"].copy()
    np.testing.assert_allclose(net.backward(l=gradient)["x"], 3 * once, rtol=1e-5)
    with pytest.raises(CaffeError, match=r"backward: l is given an array of shape \(2,\), its blob has \(\)"):
        net.backward(l=np.ones(2))


def test_forms_of_the_constructor(tmp_path, net):
    path = str(tmp_path / "net.prototxt")
    net.save(str(tmp_path / "a.caffemodel"))
    weights = str(tmp_path / "a.caffemodel")
    forms = [
        caffe.Net(path, weights, caffe.TEST),
        caffe.Net(path, caffe.TEST, weights=weights),
        caffe.Net(path, caffe.TEST, 0, ["a"], weights),
        caffe.Net(path, phase=caffe.TEST, level=1, stages=["a"], weights=weights),
    ]
    for each in forms:
        np.testing.assert_array_equal(each.params["fc"][0].data, net.params["fc"][0].data)
    with pytest.raises(TypeError, match="a phase"):
        caffe.Net(path)
    with pytest.raises(TypeError, match="at most 5"):
        caffe.Net(path, caffe.TEST, 0, [], weights, 1)


def test_callbacks_get_the_number_of_each_layer(net):
    calls = []
    net.before_forward(lambda i: calls.append(("before", i)))
    net.after_forward(lambda i: calls.append(("after", i)))
    net.before_backward(lambda i: calls.append(("before back", i)))
    net.after_backward(lambda i: calls.append(("after back", i)))
    net.forward(start="fc")
    net.backward(end="fc")
    assert calls == [
        ("before", 1), ("after", 1), ("before", 2), ("after", 2),
        ("before back", 2), ("after back", 2), ("before back", 1), ("after back", 1),
    ]  # fmt: skip


def test_names_and_numbers_of_blobs_fit(net):
    assert net._blob_names == ["x", "fc", "y"]
    assert (net._inputs, net._outputs) == ([0], [2])
    assert (net._bottom_ids(2), net._top_ids(2)) == ([1], [2])
    assert list(net.layer_dict) == net._layer_names == ["x", "fc", "tanh"]
    assert net.layer_dict["fc"].type == "InnerProduct" and net.layers[1].blobs is net.params["fc"]


def test_arrays_that_do_not_fit_name_what_was_found(net):
    with pytest.raises(CaffeError, match=r"\['z'\], the net's inputs are \['x'\]"):
        net.forward(z=np.zeros((4, 3)))
    with pytest.raises(CaffeError, match="x is given 5 items, its blob has 4"):
        net.forward(x=np.zeros((5, 3)))
    with pytest.raises(CaffeError, match=r"\['fc'\], the net's outputs: \['y'\]"):
        net.backward(fc=np.zeros((4, 2)))


def test_set_input_arrays_needs_a_memory_data_layer(net):
    with pytest.raises(CaffeError, match="first layer must be MemoryData, it is Input"):
        net.set_input_arrays(np.zeros((4, 1, 1, 1), np.float32), np.zeros(4, np.float32))


class _Memory:
    """What a MemoryData layer is to set_input_arrays."""

    type = "MemoryData"

    def __init__(self):
        self.param = caffe.proto.caffe_pb2.LayerParameter()
        self.param.memory_data_param.batch_size = 2
        self.param.memory_data_param.channels = 3
        self.param.memory_data_param.height = self.param.memory_data_param.width = 1

    def reset(self, data, labels):
        self.data, self.labels = data, labels


@pytest.mark.parametrize(
    "data, labels, words",
    [
        (np.zeros((4, 3, 1, 1)), np.zeros(4, np.float32), "data must be a C-contiguous float32"),
        (np.zeros((4, 3, 1, 2), np.float32), np.zeros(4, np.float32), r"must have shape \(3, 1, 1\)"),
        (np.zeros((4, 3, 1, 1), np.float32), np.zeros(6, np.float32), "4 items in data, 6 in labels"),
        (np.zeros((3, 3, 1, 1), np.float32), np.zeros(3, np.float32), "3 items are no multiple .* batch_size, 2"),
    ],
)
def test_set_input_arrays_checks_before_the_layer_takes_them(net, data, labels, words):
    layer = net.graph.nodes[0].layer = _Memory()
    with pytest.raises(CaffeError, match=words):
        net.set_input_arrays(data, labels)
    good = np.arange(12, dtype=np.float32).reshape(4, 3, 1, 1)
    net.set_input_arrays(good, np.arange(4, dtype=np.float32))
    assert layer.data is good and layer.labels.shape == (4, 1, 1, 1)
