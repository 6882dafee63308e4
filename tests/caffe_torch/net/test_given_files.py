"""What people give in the place of weights and states, weights that are not finite, layers too large."""

import gzip
import json

import h5py
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.files import wire
from caffe_torch.input import transform
from caffe_torch.proto import caffe_pb2

NET = """name: "n"
layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 dim: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }
layer { name: "t" type: "Reduction" bottom: "y" top: "t" loss_weight: 1 }
"""


def net(folder, text=NET):
    (folder / "net.prototxt").write_text(text)
    return caffe.Net(str(folder / "net.prototxt"), caffe.TEST)


@pytest.mark.parametrize(
    "content, words",
    [
        (NET.encode(), "a .caffemodel is expected, this is a .prototxt: a net's text goes where the net is asked for"),
        (b"see the wiki\n", "a .caffemodel is expected, this is text"),
        (b"<!DOCTYPE html>\n<html>404</html>", "this is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 240\n", "a Git LFS pointer"),
        (gzip.compress(b"weights", mtime=0), "compressed by gzip"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x93NUMPY\x01\0v\0", "an array of NumPy's"),
        (b"\x80\x02}q\0.", "a pickle"),
        (b"\x80\x05\x95\0\0\0\0\0\0\0\0}.", "a pickle"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a file of MATLAB's"),
        (b"w".ljust(257, b"\0") + b"ustar\x0000", "a tar archive: unpack it"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
    ],
)
def test_the_error_says_what_the_file_is(tmp_path, content, words):
    (tmp_path / "w.caffemodel").write_bytes(content)
    with pytest.raises(CaffeError, match=f"w.caffemodel: .*{words}"):
        net(tmp_path).copy_from(str(tmp_path / "w.caffemodel"))
    with pytest.raises(CaffeError, match="w.caffemodel: a .solverstate is expected"):
        wire.read_state(tmp_path / "w.caffemodel")
    with pytest.raises(CaffeError, match="w.caffemodel: a .binaryproto is expected, this is"):
        transform.read_mean(str(tmp_path / "w.caffemodel"))


def test_a_state_or_a_mean_in_the_place_of_weights(tmp_path):
    message = "a .caffemodel is expected, this is a .solverstate or a mean"
    for content in (
        caffe_pb2.SolverState(iter=5, learned_net="w"),
        caffe_pb2.BlobProto(num=1, channels=1, height=1, width=1, data=[5]),
    ):
        (tmp_path / "w.caffemodel").write_bytes(content.SerializeToString())
        with pytest.raises(CaffeError, match=message):
            net(tmp_path).copy_from(str(tmp_path / "w.caffemodel"))


@pytest.mark.parametrize(
    "places, words",
    [
        (["fc"], "/data/fc holds numbers, a group with the arrays fc/0, ... is expected"),
        (["fc/0", "fc/5"], "layer 'fc' has no array named 1, but 0, 5"),
        (["fc/0"], "layer 'fc' has 1 parameter blob"),
        ([], "has no group `data`"),
    ],
)
def test_an_hdf5_file_with_its_arrays_in_other_places(tmp_path, places, words):
    with h5py.File(tmp_path / "w.caffemodel.h5", "w") as store:
        for place in places:
            store[f"data/{place}"] = np.ones((4, 3) if place.endswith("0") else 4)
    with pytest.raises(CaffeError, match=f"w.caffemodel.h5: {words}"):
        net(tmp_path).copy_from(str(tmp_path / "w.caffemodel.h5"))


@pytest.mark.parametrize("place", ["data/fc/0", "data/fc/0/0", "data/fc/1/more/0"])
def test_a_group_of_an_hdf5_file_in_the_place_of_a_parameter(tmp_path, place):
    with h5py.File(tmp_path / "w.caffemodel.h5", "w") as store:
        store.create_group(place)
    message = f"w.caffemodel.h5: /{place[:9]} is a group, an array of the layer 'fc' is expected there"
    with pytest.raises(CaffeError, match=message):
        net(tmp_path).copy_from(str(tmp_path / "w.caffemodel.h5"))


@pytest.mark.parametrize("names", ["{0},", ",{0}", "{0},,{0}", ""])
def test_a_list_of_weights_with_an_empty_name(tmp_path, names):
    n = net(tmp_path)
    n.save(str(tmp_path / "w.caffemodel"))
    names = names.format(tmp_path / "w.caffemodel")
    (tmp_path / "s.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0 lr_policy: "fixed" weights: "{names}"'
    )
    message = "a file name is empty: give one or more, separated by single commas"
    with pytest.raises(CaffeError, match=message):
        n.copy_from(names)
    with pytest.raises(CaffeError, match=message):
        caffe.SGDSolver(str(tmp_path / "s.prototxt"))


@pytest.mark.parametrize("save, name", [("save", "w.caffemodel"), ("save_hdf5", "w.caffemodel.h5")])
def test_weights_that_are_not_finite_are_taken_and_told_once(tmp_path, capfd, save, name):
    first = net(tmp_path)
    first.params["fc"][0].data[1] = np.nan
    first.params["fc"][1].data[0] = np.inf
    getattr(first, save)(str(tmp_path / name))
    capfd.readouterr()
    second = net(tmp_path)
    second.copy_from(str(tmp_path / name))
    output = [line for line in capfd.readouterr().err.splitlines() if "NaN" in line]
    assert len(output) == 1 and name in output[0] and "layer 'fc'" in output[0]
    np.testing.assert_array_equal(second.params["fc"][0].data, first.params["fc"][0].data)


@pytest.mark.parametrize("iteration", [-5, 2**31 - 1])
@pytest.mark.parametrize("kind", ["BINARYPROTO", "HDF5"])
def test_an_iteration_that_none_can_be_at(tmp_path, iteration, kind):
    net(tmp_path)
    (tmp_path / "s.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" snapshot_format: {kind}'
    )
    solver = caffe.get_solver(str(tmp_path / "s.prototxt"))
    solver.iter = iteration
    solver.snapshot()
    state = f"{tmp_path}/s_iter_{iteration}.solverstate{'.h5' if kind == 'HDF5' else ''}"
    with pytest.raises(CaffeError, match=f"is at iteration {iteration} and step 0: 0 to 2147483646 are expected"):
        caffe.get_solver(str(tmp_path / "s.prototxt")).restore(state)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(iter=float("inf")),
        lambda content: content.update(iter=[1]),
        lambda content: content.update(nets=7),
        lambda content: content.update(nets=[[["x", {"a": {"dtype": "O", "shape": [1], "base64": ""}}]]]),
        lambda content: content.update(random={}),
        lambda content: content.update(random={"torch": {"dtype": "|u1", "shape": [3], "base64": "AAAA"}, "numpy": 1}),
        lambda content: content.update(processes=10**400),
    ],
)
def test_a_damaged_file_of_a_resume_is_one_error_or_one_line(tmp_path, change):
    net(tmp_path)
    (tmp_path / "s.prototxt").write_text(f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed"')
    solver = caffe.get_solver(str(tmp_path / "s.prototxt"))
    solver.step(1)
    solver.snapshot()
    file = tmp_path / "s_iter_1.resume.0.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    try:
        caffe.get_solver(str(tmp_path / "s.prototxt")).restore(str(tmp_path / "s_iter_1.solverstate"))
    except CaffeError as error:
        assert "s_iter_1.resume.0.json: is damaged" in str(error)


@pytest.mark.parametrize("content", [b"[" * 100000, b"1" * 10000, b"{\xff}"])
def test_a_file_of_a_resume_that_is_no_json(tmp_path, content):
    net(tmp_path)
    (tmp_path / "s.prototxt").write_text(f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed"')
    solver = caffe.get_solver(str(tmp_path / "s.prototxt"))
    solver.snapshot()
    (tmp_path / "s_iter_0.resume.0.json").write_bytes(content)
    with pytest.raises(CaffeError, match="s_iter_0.resume.0.json: is damaged"):
        solver.restore(str(tmp_path / "s_iter_0.solverstate"))


BIG = 'layer { name: "big" type: "%s" %s top: "big" %s }'


@pytest.mark.parametrize(
    "layer, message",
    [
        (
            ("Input", "", "input_param { shape { dim: 65536 dim: 65536 } }"),
            r"layer 'big' .*\(65536, 65536\) .*2147483647",
        ),
        (("Input", "", "input_param { shape { dim: -1 dim: 2 } }"), r"layer 'big' \(Input\): blob shape \(-1, 2\)"),
        (("InnerProduct", 'bottom: "x"', "inner_product_param { num_output: 2147483647 }"), "layer 'big' .*2147483647"),
        (("Tile", 'bottom: "x"', "tile_param { tiles: 2147483647 }"), "layer 'big' .*would have .* values"),
        (("DummyData", "", "dummy_data_param { shape { dim: 9223372036854775807 dim: 8 } }"), "layer 'big'"),
    ],
)
def test_a_layer_that_is_too_large_is_named_before_memory_is_taken(tmp_path, layer, message):
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, NET + BIG % layer)


def test_memory_that_is_not_there_is_asked_for_first(tmp_path, monkeypatch):
    monkeypatch.setattr("caffe_torch.runtime.free_memory.available", lambda: 300 << 20)
    text = NET + BIG % ("InnerProduct", 'bottom: "x"', "inner_product_param { num_output: 100000000 }")
    with pytest.raises(
        CaffeError, match=r"layer 'big' \(InnerProduct\): a blob of shape \(100000000, 3\) needs 1.2 GB"
    ):
        net(tmp_path, text)
    with pytest.raises(MemoryError):
        net(tmp_path, text)


@pytest.mark.parametrize("module", ["", ".", "a..b", "sys"])
def test_a_python_layer_of_no_module(tmp_path, module):
    layer = f'layer {{ name: "p" type: "Python" top: "p" python_param {{ module: "{module}" layer: "L" }} }}'
    with pytest.raises(CaffeError, match=r"layer 'p' \(Python\): "):
        net(tmp_path, layer)


@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
@pytest.mark.parametrize("eps", [0, -1e-3])
def test_batch_norm_computes_with_an_eps_of_0_and_below_as_caffe_does(tmp_path, phase, eps):
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 2 } } }'
        f'layer {{ name: "b" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param {{ eps: {eps} }} }}'
    )
    n = caffe.Net(str(tmp_path / "net.prototxt"), phase)
    for blob, value in zip(n.params["b"], (2, 1, 1)):
        blob.data[...] = value
    result = n.forward(x=np.array([[1.0, 2], [3, 2]]))["y"]
    np.testing.assert_allclose(result[:, 0], np.array([-1, 1]) / np.sqrt(1 + eps), rtol=1e-5)
    assert phase == caffe.TEST or np.isnan(result[:, 1]).all()
