"""Parameters in HDF5, shared by name, from files that do not fit."""

import h5py
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
FC = """layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" %s
  inner_product_param { num_output: %d weight_filler { type: "gaussian" std: 0.5 } } }\n"""
SHARED = 'param { name: "w" } param { name: "b" }'


def net(folder, text):
    (folder / "net.prototxt").write_text('name: "n"\n' + text)
    return caffe.Net(str(folder / "net.prototxt"), caffe.TEST)


def test_hdf5_has_caffes_layout_and_a_layer_name_may_have_slashes(tmp_path):
    text = INPUT + FC % ("inception/1x1", "x", "a", "", 3) + FC % ("fc", "a", "fc", "", 4)
    a, b = net(tmp_path, text), net(tmp_path, text)
    a.save_hdf5(str(tmp_path / "a.h5"))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["data/fc/0"].shape == (4, 3) and file["data/fc/1"].dtype == np.float32
        assert list(file) == ["data"]
    b.load_hdf5(str(tmp_path / "a.h5"))
    for name in ("inception/1x1", "fc"):
        np.testing.assert_array_equal(a.params[name][0].data, b.params[name][0].data)
    c = net(tmp_path, text)
    c.copy_from(str(tmp_path / "a.h5"))
    np.testing.assert_array_equal(a.params["fc"][0].data, c.params["fc"][0].data)


def test_hdf5_with_gradients(tmp_path):
    a = net(tmp_path, INPUT + FC % ("fc", "x", "fc", "", 4))
    a.params["fc"][0].diff[...] = 3
    a.save_hdf5(str(tmp_path / "a.h5"), write_diff=True)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["diff/fc/0"], np.full((4, 3), 3))


def test_shared_parameters_are_written_once_by_their_owner(tmp_path):
    text = INPUT + FC % ("one", "x", "one", SHARED, 3) + FC % ("two", "one", "two", SHARED, 3)
    a, b = net(tmp_path, text), net(tmp_path, text)
    a.save_hdf5(str(tmp_path / "a.h5"))
    with h5py.File(tmp_path / "a.h5") as file:
        assert sorted(file["data/one"]) == ["0", "1"] and not list(file["data/two"])
    b.load_hdf5(str(tmp_path / "a.h5"))
    np.testing.assert_array_equal(b.params["two"][0].data, a.params["one"][0].data)


@pytest.mark.parametrize("save, name", [("save", "a.caffemodel"), ("save_hdf5", "a.h5")])
def test_a_file_that_does_not_fit_names_layer_and_shapes(tmp_path, save, name):
    path = str(tmp_path / name)
    getattr(net(tmp_path, INPUT + FC % ("fc", "x", "fc", "", 4)), save)(path)
    with pytest.raises(CaffeError, match=rf"{name}.*'fc'.*\(4, 3\).*\(5, 3\).*rename the layer"):
        net(tmp_path, INPUT + FC % ("fc", "x", "fc", "", 5)).copy_from(path)
    other = 'layer { name: "fc" type: "ReLU" bottom: "x" top: "y" }'
    with pytest.raises(CaffeError, match="layer 'fc' has 2 parameter blob.*this net's has 0"):
        net(tmp_path, INPUT + other).copy_from(path)


def test_layers_that_the_net_lacks_are_passed_over_and_logged(tmp_path, capsys):
    net(tmp_path, INPUT + FC % ("old", "x", "old", "", 4)).save(str(tmp_path / "a.caffemodel"))
    b = net(tmp_path, INPUT + FC % ("new", "x", "new", "", 4))
    before = b.params["new"][0].data.copy()
    b.copy_from(str(tmp_path / "a.caffemodel"))
    np.testing.assert_array_equal(b.params["new"][0].data, before)
    assert "Ignoring source layer old" in capsys.readouterr().err


def test_a_file_name_may_have_a_comma_and_several_files_are_separated_by_it(tmp_path):
    a = net(tmp_path, INPUT + FC % ("a", "x", "a", "", 4))
    b = net(tmp_path, INPUT + FC % ("b", "x", "b", "", 4))
    a.save(str(tmp_path / "one,two.caffemodel"))
    b.save(str(tmp_path / "b.caffemodel"))
    c = net(tmp_path, INPUT + FC % ("a", "x", "a", "", 4) + FC % ("b", "x", "b", "", 4))
    c.copy_from(str(tmp_path / "one,two.caffemodel"))
    np.testing.assert_array_equal(c.params["a"][0].data, a.params["a"][0].data)
    a.save(str(tmp_path / "a.caffemodel"))
    c.copy_from(f"{tmp_path}/a.caffemodel,{tmp_path}/b.caffemodel")
    np.testing.assert_array_equal(c.params["b"][0].data, b.params["b"][0].data)


def test_broken_hdf5_says_so(tmp_path):
    a = net(tmp_path, INPUT + FC % ("fc", "x", "fc", "", 4))
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\nnonsense")
    with pytest.raises(CaffeError, match="broken.h5: is no HDF5 file or cut short"):
        a.load_hdf5(str(tmp_path / "broken.h5"))
    with pytest.raises(CaffeError, match="missing.h5: cannot be read"):
        a.load_hdf5(str(tmp_path / "missing.h5"))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["fc7"] = np.zeros(3)
    with pytest.raises(CaffeError, match="other.h5: has no group `data`"):
        a.load_hdf5(str(tmp_path / "other.h5"))


def test_sharing_follows_later_changes_and_refuses_other_shapes(tmp_path):
    text = INPUT + FC % ("fc", "x", "fc", "", 4)
    a, b = net(tmp_path, text), net(tmp_path, text)
    b.share_with(a)
    a.params["fc"][0].data[...] = 7
    np.testing.assert_array_equal(b.params["fc"][0].data, 7)
    with pytest.raises(CaffeError, match=r"'fc'.*\(4, 3\).*\(5, 3\)"):
        net(tmp_path, INPUT + FC % ("fc", "x", "fc", "", 5)).share_with(a)


def test_permissive_sharing_keeps_each_layers_own_shape(tmp_path):
    fc = """layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" param { name: "w" share_mode: PERMISSIVE }
      inner_product_param { num_output: %d bias_term: false weight_filler { type: "gaussian" std: 0.5 } } }\n"""
    a = fc % ("a", "x", "a", 4)
    b = fc % ("b", "a", "b", 3)
    n = net(tmp_path, "force_backward: true\n" + INPUT + a + b)
    wa, wb = n.params["a"][0], n.params["b"][0]
    assert wa.shape == (4, 3) and wb.shape == wb.diff.shape == (3, 4)
    assert np.shares_memory(wa.data, wb.data) and np.shares_memory(wa.diff, wb.diff)
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    n.forward(x=x)
    np.testing.assert_allclose(n.blobs["b"].data, x @ wa.data.T @ wb.data.T, rtol=1e-5)
    top = np.ones((2, 3), np.float32)
    n.backward(b=top)
    expected = (top.T @ n.blobs["a"].data).reshape(-1) + ((top @ wb.data).T @ x).reshape(-1)
    np.testing.assert_allclose(wa.diff.reshape(-1), expected, rtol=1e-5)
    n.save(str(tmp_path / "w.caffemodel"))
    n.save_hdf5(str(tmp_path / "w.h5"))
    for name in ("w.caffemodel", "w.h5"):
        other = net(tmp_path, INPUT + a + b)
        other.copy_from(str(tmp_path / name))
        np.testing.assert_array_equal(other.params["b"][0].data, wb.data)
    alone = net(tmp_path, INPUT + a + b.replace('name: "w"', ""))
    alone.copy_from(str(tmp_path / "w.caffemodel"))
    np.testing.assert_array_equal(alone.params["b"][0].data, wb.data)
