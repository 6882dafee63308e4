"""Net: wiring, phases, splits, gradients, weights on disk."""

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
FC = """layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s"
  inner_product_param { num_output: %d weight_filler { type: "gaussian" std: 0.5 } } }\n"""


def net(tmp_path, text, phase=caffe.TEST, name="net.prototxt"):
    path = tmp_path / name
    path.write_text(text)
    return caffe.Net(str(path), phase)


def test_forward_and_backward_of_an_inner_product_are_matrix_products(tmp_path):
    n = net(tmp_path, "force_backward: true\n" + INPUT + FC % ("fc", "x", "fc", 4))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    w, b = n.params["fc"][0].data.copy(), n.params["fc"][1].data
    b[...] = [1, 2, 3, 4]
    out = n.forward(x=x)["fc"]
    np.testing.assert_allclose(out, x @ w.T + [1, 2, 3, 4], rtol=1e-6)
    g = np.ones((2, 4), np.float32)
    back = n.backward(fc=g)
    np.testing.assert_allclose(back["x"], g @ w, rtol=1e-6)
    np.testing.assert_allclose(n.params["fc"][0].diff, g.T @ x)


def test_parameter_gradients_gather_until_cleared(tmp_path):
    n = net(tmp_path, "force_backward: true\n" + INPUT + FC % ("fc", "x", "fc", 1))
    n.forward(x=np.ones((2, 3), np.float32))
    for _ in range(2):
        n.backward(fc=np.ones((2, 1), np.float32))
    np.testing.assert_array_equal(n.params["fc"][0].diff, [[4, 4, 4]])
    n.clear_param_diffs()
    assert not n.params["fc"][0].diff.any()


def test_a_blob_used_twice_gets_caffes_split_names_and_the_sum_of_gradients(tmp_path):
    n = net(tmp_path, "force_backward: true\n" + INPUT + FC % ("a", "x", "a", 1) + FC % ("b", "x", "b", 1))
    assert list(n.blobs) == ["x", "x_x_0_split_0", "x_x_0_split_1", "a", "b"]
    assert n._layer_names == ["x", "x_x_0_split", "a", "b"]
    n.forward(x=np.ones((2, 3), np.float32))
    n.backward(a=np.ones((2, 1), np.float32), b=np.full((2, 1), 2, np.float32))
    expected = n.params["a"][0].data + 2 * n.params["b"][0].data
    np.testing.assert_allclose(n.blobs["x"].diff, np.repeat(expected, 2, 0), rtol=1e-6)


def test_phase_rules_choose_layers(tmp_path):
    rule = 'layer { name: "%s" type: "ReLU" bottom: "x" top: "%s" include { phase: %s } }\n'
    text = INPUT + rule % ("train", "y", "TRAIN") + rule % ("test", "z", "TEST")
    assert net(tmp_path, text, caffe.TRAIN).outputs == ["y"]
    assert net(tmp_path, text, caffe.TEST).outputs == ["z"]


def test_data_views_stay_live_across_forwards(tmp_path):
    n = net(tmp_path, INPUT + 'layer { name: "r" type: "ReLU" bottom: "x" top: "r" }')
    view = n.blobs["r"].data
    n.forward(x=np.full((2, 3), 5, np.float32))
    np.testing.assert_array_equal(view, 5)


def test_weights_travel_through_a_caffemodel(tmp_path):
    a = net(tmp_path, INPUT + FC % ("fc", "x", "fc", 4))
    b = net(tmp_path, INPUT + FC % ("fc", "x", "fc", 4))
    assert (a.params["fc"][0].data != b.params["fc"][0].data).any()
    a.save(str(tmp_path / "a.caffemodel"))
    b.copy_from(str(tmp_path / "a.caffemodel"))
    np.testing.assert_array_equal(a.params["fc"][0].data, b.params["fc"][0].data)


@pytest.mark.parametrize(
    "text, words",
    [
        ('layer { name: "l" type: "Nonesuch" }', ["'l'", "Nonesuch", "Convolution"]),
        ('layer { name: "r" type: "ReLU" bottom: "y" top: "r" }', ["'r'", "unknown bottom blob 'y'"]),
        ("layer { nam: 'l' }", ["net.prototxt", "1:", "Did you mean 'name'"]),
        (INPUT + INPUT, ["'x'"]),
        (INPUT + 'layer { name: "r" type: "ReLU" bottom: "x" bottom: "x" top: "r" }', ["'r'", "bottom"]),
        ('layer { name: "p" type: "Python" }', ["'p'", "needs a python_param"]),
        ('layer { name: "p" type: "Python" python_param { module: "no_such_m" layer: "L" } }', ["'p'", "no_such_m"]),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    with pytest.raises(CaffeError) as error:
        net(tmp_path, text)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize("phase", [7, "TEST", -1])
def test_what_is_no_phase_is_refused(tmp_path, phase):
    with pytest.raises(CaffeError, match=f"phase must be caffe.TRAIN or caffe.TEST, found {phase!r}"):
        net(tmp_path, INPUT, phase)


def test_file_names_may_be_bytes(tmp_path):
    a = net(tmp_path, INPUT + FC % ("fc", "x", "fc", 4))
    names = [str(tmp_path / name).encode() for name in ("a.caffemodel", "a.h5")]
    a.save(names[0])
    a.save_hdf5(names[1])
    file = str(tmp_path / "net.prototxt").encode()
    for name in names:
        b = caffe.Net(file, caffe.TEST)
        b.copy_from(name)
        for other in (b, caffe.Net(file, name, caffe.TEST), caffe.Net(file, caffe.TEST, weights=name)):
            np.testing.assert_array_equal(other.params["fc"][0].data, a.params["fc"][0].data)


def test_another_nets_weights_name_layer_and_shapes(tmp_path):
    net(tmp_path, INPUT + FC % ("fc", "x", "fc", 4)).save(str(tmp_path / "a.caffemodel"))
    other = net(tmp_path, INPUT + FC % ("fc", "x", "fc", 5))
    with pytest.raises(CaffeError, match=r"'fc'.*\(4, 3\).*\(5, 3\)"):
        other.copy_from(str(tmp_path / "a.caffemodel"))


def test_import_caffe_means_this_engine():
    import caffe as alias
    import caffe.io as alias_io
    from caffe.proto import caffe_pb2

    from caffe_torch.proto import caffe_pb2 as own

    assert alias is caffe and alias_io is caffe.io and caffe_pb2 is own


def test_a_loss_that_names_no_top_still_trains(tmp_path):
    label = 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 2 } } }\n'
    n = net(
        tmp_path,
        INPUT
        + label
        + FC % ("fc", "x", "fc", 4)
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "l" }',
        caffe.TRAIN,
    )
    assert n.outputs == [] and n.top_names["loss"] == ["(automatic)"]
    n.forward(x=np.ones((2, 3), np.float32), l=np.zeros(2, np.float32))
    n.backward()
    assert n.params["fc"][0].diff.any()


def test_layers_may_have_one_name_and_each_counts(tmp_path):
    loss = 'layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "x" top: "%s" loss_weight: %d }\n'
    n = net(tmp_path, INPUT + FC % ("fc", "x", "fc", 3) + loss % ("a", 2) + loss % ("b", 3), caffe.TRAIN)
    assert n._layer_names.count("loss") == 2
    assert [n.blob_loss_weights[name] for name in ("a", "b")] == [2, 3]
    assert n._forward(0, len(n.layers) - 1) == pytest.approx(5 * float(n.blobs["a"].data), rel=1e-6)


def test_backward_of_a_layer_that_never_ran_forward_uses_its_bottoms_as_they_are(tmp_path):
    n = net(tmp_path, "force_backward: true\n" + INPUT + FC % ("fc", "x", "fc", 4))
    n.blobs["x"].data[...] = 2
    n.blobs["fc"].diff[...] = 1
    n.backward(start="fc", end="fc")
    np.testing.assert_array_equal(n.params["fc"][0].diff, np.full((4, 3), 4))
    assert not n.blobs["fc"].data.any()


def test_an_unknown_layer_is_a_value_error_too_as_in_pycaffe(tmp_path):
    with pytest.raises(ValueError, match="no layer 'nonesuch'; it has x"):
        net(tmp_path, INPUT).forward(start="nonesuch")
