"""Layers without a name, or of one name: whose weights they take, and where HDF5 has no place for them."""

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
FC = """layer { %s type: "InnerProduct" bottom: "x" top: "%s"
  inner_product_param { num_output: %d weight_filler { type: "gaussian" std: 0.5 } } }\n"""
RELU = 'layer { %s type: "ReLU" bottom: "x" top: "%s" }\n'


def net(folder, text):
    (folder / "net.prototxt").write_text('name: "n"\n' + text)
    return caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN)


def copied(folder, text):
    net(folder, INPUT + text).save(str(folder / "w.caffemodel"))
    net(folder, INPUT + text).copy_from(str(folder / "w.caffemodel"))


@pytest.mark.parametrize(
    "text, message",
    [
        (RELU % ("", "r") + FC % ("", "y", 4), r"w.caffemodel: a layer without a name has 2 .* net's has 0; 2 layers"),
        (FC % ("", "y", 4) + RELU % ("", "r"), r"w.caffemodel: a layer without a name has 0 .* net's has 2; 2 layers"),
        (FC % ('name: "fc"', "y", 4) + FC % ('name: "fc"', "z", 5), r"layer 'fc': its shape there is \(5, 3\)"),
    ],
)
def test_weights_that_would_not_arrive_are_an_error(tmp_path, text, message):
    with pytest.raises(CaffeError, match=message):
        copied(tmp_path, text)


def test_of_two_of_a_name_the_last_ones_values_arrive_in_the_first_and_a_warning_says_so(tmp_path, capfd):
    text = FC % ('name: "fc"', "y", 4) + FC % ('name: "fc"', "z", 4)
    first, second = net(tmp_path, INPUT + text), net(tmp_path, INPUT + text)
    assert "several layers are called 'fc'" in capfd.readouterr().err
    (_, theirs), (ours, left) = ([layer.blobs[0].data for layer in n.layers if layer.blobs] for n in (first, second))
    before = left.copy()
    first.save(str(tmp_path / "w.caffemodel"))
    second.copy_from(str(tmp_path / "w.caffemodel"))
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(left, before)


@pytest.mark.parametrize(
    "names, message",
    [
        (("", "fc"), "HDF5 cannot hold the layer name ''"),
        (("fc", "fc"), "HDF5 cannot hold the layer name 'fc' of 2 layers"),
        (("a//b", "fc"), "HDF5 cannot hold the layer name 'a//b'"),
        ((".", "fc"), "HDF5 cannot hold the layer name '.'"),
        (("fc/0", "fc"), "layer 'fc/0' and parameter 0 of layer 'fc' have one place"),
    ],
)
def test_hdf5_has_no_place_for_them(tmp_path, names, message):
    text = INPUT + "".join(FC % (f'name: "{name}"', f"y{i}", 4) for i, name in enumerate(names))
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, text).save_hdf5(str(tmp_path / "w.h5"))
    (tmp_path / "s.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" snapshot_format: HDF5'
    )
    with pytest.raises(CaffeError, match=message):  # before the training, not at its first snapshot
        caffe.get_solver(str(tmp_path / "s.prototxt"))


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_a_layer_within_the_name_of_another_has_its_values_too(tmp_path, names):
    text = INPUT + "".join(FC % (f'name: "{name}"', f"y{i}", 4) for i, name in enumerate(names))
    first, second = net(tmp_path, text), net(tmp_path, text)
    first.save_hdf5(str(tmp_path / "w.h5"))
    second.load_hdf5(str(tmp_path / "w.h5"))
    for name in names:
        np.testing.assert_array_equal(second.params[name][0].data, first.params[name][0].data)
