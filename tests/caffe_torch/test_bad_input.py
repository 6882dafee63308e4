"""Broken files of every kind: one clear error each, which names the file and the place; no crash, no traceback."""

import os

import numpy as np
import pytest
from opened import net

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.cli import command
from caffe_torch.files import hdf5, wire

FC = """layer { name: "x" type: "DummyData" top: "x"
  dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 1 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: %d } }"""


# --- weights ---


def test_a_caffemodel_cut_anywhere(tmp_path):
    n = net(tmp_path, FC % 4)
    n.save(str(tmp_path / "w.caffemodel"))
    content = (tmp_path / "w.caffemodel").read_bytes()
    for size in range(0, len(content) - 1, 3):
        (tmp_path / "cut.caffemodel").write_bytes(content[:size])
        try:
            n.copy_from(str(tmp_path / "cut.caffemodel"))
        except CaffeError as error:
            assert "cut.caffemodel" in str(error)
        else:  # cut between two fields, after all the weights
            assert content[:size].count(b"InnerProduct") and n.params["fc"][0].data.shape == (4, 3)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"name: 'text'", os.urandom(300)])
def test_a_foreign_file_as_weights(tmp_path, content):
    (tmp_path / "w.caffemodel").write_bytes(content)
    with pytest.raises(CaffeError, match="w.caffemodel: "):
        net(tmp_path, FC % 4).copy_from(str(tmp_path / "w.caffemodel"))


@pytest.mark.parametrize("suffix", ["", ".h5"])
def test_weights_of_another_shape(tmp_path, suffix):
    path = str(tmp_path / f"w.caffemodel{suffix}")
    other = net(tmp_path, FC % 5)
    (other.save_hdf5 if suffix else other.save)(path)
    with pytest.raises(CaffeError, match=r"w.caffemodel.*layer 'fc'.* \(5, 3\), here \(4, 3\).*rename the layer"):
        net(tmp_path, FC % 4).copy_from(path)


def test_an_hdf5_file_cut_short(tmp_path):
    path = tmp_path / "w.caffemodel.h5"
    net(tmp_path, FC % 400).save_hdf5(str(path))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(CaffeError, match="w.caffemodel.h5: .*cut short"):
        net(tmp_path, FC % 400).load_hdf5(str(path))


def test_hdf5_files_with_any_byte_wrong(tmp_path):
    n = net(tmp_path, FC % 4)
    weights, state = tmp_path / "w.caffemodel.h5", tmp_path / "s.solverstate.h5"
    n.save_hdf5(str(weights))
    with open(state, "w+b") as file:
        hdf5.write_state(file, 3, "w.caffemodel.h5", [np.ones((4, 3), np.float32)], 1)
    messages = []
    for path, read in ((weights, n.load_hdf5), (state, hdf5.read_state)):
        content = path.read_bytes()
        for at in range(0, len(content), 29):
            path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
            try:
                read(str(path))
            except CaffeError as error:
                messages.append(str(error))
                assert path.name in messages[-1]
    assert sum("is cut short or damaged" in message for message in messages) > 10


def test_a_state_cut_short(tmp_path):
    (tmp_path / "n.prototxt").write_text(
        FC % 4 + 'layer { name: "l" type: "Reduction" bottom: "fc" loss_weight: 1 top: "l" }'
    )
    (tmp_path / "s.prototxt").write_text(f'net: "{tmp_path}/n.prototxt" base_lr: 1 lr_policy: "fixed"')
    solver = caffe.get_solver(str(tmp_path / "s.prototxt"))
    solver.snapshot()
    path = tmp_path / "s_iter_0.solverstate"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CaffeError, match="s_iter_0.solverstate: .*cut short"):
        solver.restore(str(path))


def test_a_state_may_name_its_weights_in_any_encoding(tmp_path):
    (tmp_path / "s.solverstate").write_bytes(b"\x08\x05\x12\x03a\xff\xfe\x20\x00")
    assert os.fsencode(wire.read_state(tmp_path / "s.solverstate").learned_net) == b"a\xff\xfe"


# --- prototxt ---


@pytest.mark.parametrize(
    "text, message",
    [
        ('layer {\n  name: "c"\n  botom: "x"\n}', r"n.prototxt:3:3 .*botom.*mean 'bottom'.*Known fields: .*bottom"),
        ("layer { pooling_param { pool: MAXX } }", r"1:31 .*MAXX.*mean 'MAX'.*AVE, MAX, STOCHASTIC"),
        ('layers { type: "Convolution" }', r"old `layers` entry is an enum.*mean 'CONVOLUTION'"),
        ('layer { name: "c" type: "Convolutoin" }', r"layer 'c': unknown layer type.*mean 'Convolution'.*known types"),
        ('layer { name: "c" type: "ReLU" bottom: "no" top: "c" }', r"layer 'c': unknown bottom blob 'no'"),
        ('layer { name: "c" ', r"n.prototxt:1:\d+ : Expected"),
        ("layer { inner_product_param { num_output: 3.5 } }", r"n.prototxt:1:\d+ .*integer: 3.5"),
        ("\x00\x01\x02", r"n.prototxt: is no text file"),
        ("\x01\x02", r"n.prototxt:1:1: '\\x01' stands outside quotes, where only printable ASCII may"),
        ('name: "a"\n\x1a', r"n.prototxt:2:1: '\\x1a' stands outside quotes"),
        ("base_lr: 1", r"n.prototxt:1:1 .* no field named \"base_lr\". It is a field of a solver's prototxt: was that"),
        ('layer { name: "a" } layers { name: "b" }', r"n.prototxt: has both `layer` and `layers`"),
        ('layers { layer { name: "a" type: "convolve" } }', r"layer 'a': unknown V0 layer type 'convolve'"),
        ('input: "x" input_dim: 3', r"n.prototxt: has 1 input"),
    ],
)
def test_a_prototxt_with_a_mistake(tmp_path, text, message):
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, text)


def test_a_prototxt_that_is_no_text(tmp_path):
    (tmp_path / "n.prototxt").write_bytes(b"\xff\xfd\x00")
    with pytest.raises(CaffeError, match="n.prototxt: is no text file"):
        caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST)


def test_a_prototxt_in_utf_16(tmp_path):
    (tmp_path / "n.prototxt").write_text('name: "n"', encoding="utf-16")
    with pytest.raises(CaffeError, match="n.prototxt: is text in UTF-16 .*; a .prototxt in UTF-8 is expected"):
        caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST)


def test_a_net_in_place_of_a_solver(tmp_path):
    (tmp_path / "s.prototxt").write_text("layer { }")
    with pytest.raises(CaffeError, match='no field named "layer". It is a field of a net\'s prototxt: was that given'):
        caffe.get_solver(str(tmp_path / "s.prototxt"))


@pytest.mark.parametrize("encoding", ["gbk", "latin-1"])
def test_a_comment_of_another_encoding_is_passed_over(tmp_path, encoding):
    comment = {"gbk": "卷积层", "latin-1": "Größe"}[encoding]
    (tmp_path / "n.prototxt").write_bytes(f"# {comment}\n{FC % 4} # {comment}".encode(encoding))
    assert caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST).params["fc"][0].shape == (4, 3)


@pytest.mark.parametrize("text", ['name: "%s"', 'layer { name: "%s" type: "ReLU" }', "name: %s", "%s: 1"])
def test_a_value_of_another_encoding_is_one_error(tmp_path, text):
    (tmp_path / "n.prototxt").write_bytes((text % "卷积层").encode("gbk"))
    with pytest.raises(CaffeError, match="n.prototxt:"):
        caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST)


def test_a_caffemodel_in_place_of_a_prototxt(tmp_path):
    net(tmp_path, FC % 4).save(str(tmp_path / "w.caffemodel"))
    with pytest.raises(CaffeError, match="w.caffemodel: is no text file"):
        caffe.Net(str(tmp_path / "w.caffemodel"), caffe.TEST)


# --- NaN ---


def test_nan_in_weights_is_named(tmp_path, capsys):
    text = (
        FC % 3
        + """layer { name: "t" type: "DummyData" top: "t" dummy_data_param { shape { dim: 2 } } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "t" top: "loss" }"""
    )
    n = net(tmp_path, text)
    n.params["fc"][0].data[1, 1] = np.nan
    n.save(str(tmp_path / "w.caffemodel"))
    (tmp_path / "s.prototxt").write_text(
        f'net: "{tmp_path}/n.prototxt" base_lr: 1 lr_policy: "fixed" max_iter: 3 snapshot: 1'
    )
    for flags in (["train", f"--solver={tmp_path}/s.prototxt"], ["test", f"--model={tmp_path}/n.prototxt"]):
        assert command.main([*flags, f"--weights={tmp_path}/w.caffemodel"]) == 1
        output = capsys.readouterr().err.splitlines()
        assert "the loss is nan" in output[-1] and "parameter 0 of layer 'fc' holds NaN" in output[-1]
    assert not list(tmp_path.glob("*.solverstate"))
