"""Broken files of every kind: one clear error each, which names the file and the place; no crash, no traceback."""

import os
import subprocess
import sys

import cv2
import lmdb
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.cli import command
from caffe_torch.files import hdf5, wire
from caffe_torch.proto import caffe_pb2
from commands import PYTHON

FC = """layer { name: "x" type: "DummyData" top: "x"
  dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 1 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: %d } }"""


def net(tmp_path, text, phase=caffe.TEST):
    (tmp_path / "n.prototxt").write_text(text)
    return caffe.Net(str(tmp_path / "n.prototxt"), phase)


# --- weights ---


def test_a_caffemodel_cut_anywhere(tmp_path):
    n = net(tmp_path, FC % 4)
    n.save(str(tmp_path / "w.caffemodel"))
    whole = (tmp_path / "w.caffemodel").read_bytes()
    for size in range(0, len(whole) - 1, 3):
        (tmp_path / "cut.caffemodel").write_bytes(whole[:size])
        try:
            n.copy_from(str(tmp_path / "cut.caffemodel"))
        except CaffeError as error:
            assert "cut.caffemodel" in str(error)
        else:  # cut between two fields, after all the weights
            assert whole[:size].count(b"InnerProduct") and n.params["fc"][0].data.shape == (4, 3)


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
        whole = path.read_bytes()
        for at in range(0, len(whole), 29):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
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
        ("\x01\x02", r"n.prototxt:1:1"),
        ('layer { name: "a" } layers { name: "b" }', r"n.prototxt: has both `layer` and `layers`"),
        ('layers { layer { name: "a" type: "convolve" } }', r"layer 'a': unknown V0 layer type 'convolve'"),
        ('input: "x" input_dim: 3', r"n.prototxt: has 1 input"),
    ],
)
def test_a_prototxt_with_a_mistake(tmp_path, text, message):
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, text)


def test_a_prototxt_that_is_no_text(tmp_path):
    (tmp_path / "n.prototxt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CaffeError, match="n.prototxt: is no text file"):
        caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST)


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


# --- LMDB ---


def database(path, count=200, change=None, channels=3):
    rng = np.random.default_rng(0)
    with lmdb.open(str(path), map_size=1 << 24) as store, store.begin(write=True) as writer:
        for i in range(count):
            image = rng.integers(0, 256, (channels, 8, 8), dtype=np.uint8)
            datum = caffe_pb2.Datum(channels=channels, height=8, width=8, data=image.tobytes(), label=i % 3)
            if change:
                change(i, datum)
            writer.put(b"%08d" % i, datum.SerializeToString())
    return path


def data(tmp_path, batch=10, name="db", top="data", **more):
    text = f"""layer {{ name: "{top}" type: "Data" top: "{top}" top: "{top}_label"
        data_param {{ source: "{tmp_path}/{name}" backend: LMDB batch_size: {batch} }} }}"""
    return net(tmp_path, text)


def test_no_database(tmp_path):
    with pytest.raises(CaffeError, match="db: is no LMDB"):
        data(tmp_path)


def test_an_empty_database(tmp_path):
    database(tmp_path / "db", 0)
    with pytest.raises(CaffeError, match="db: is an empty LMDB"):
        data(tmp_path)


def test_a_file_that_is_no_lmdb(tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db/data.mdb").write_bytes(os.urandom(40000))
    with pytest.raises(CaffeError, match="db: cannot be opened as an LMDB"):
        data(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_database_cut_short(tmp_path, share):
    """In a process of its own: a page that is not there would end it."""
    file = database(tmp_path / "db") / "data.mdb"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    (tmp_path / "n.prototxt").write_text(
        f'layer {{ name: "d" type: "Data" top: "d" data_param {{ source: "{tmp_path}/db" backend: LMDB '
        "batch_size: 9 } }"
    )
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", "time", "--model", str(tmp_path / "n.prototxt"), "--iterations=20"],
        env={**os.environ, "PYTHONPATH": str(PYTHON)}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ") and "/db" in last and ("cut short" in last or "cannot be opened" in last)


def test_a_database_that_is_being_written_to_is_read(tmp_path):
    database(tmp_path / "db")
    hold = "import lmdb, sys; e = lmdb.open(sys.argv[1]); t = e.begin(write=True); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    n = data(tmp_path)
    n.forward()
    assert n.blobs["data_label"].data.tolist() == [i % 3 for i in range(10)]
    holder.communicate("\n")


def test_undecodable_images_are_found_at_the_start(tmp_path):
    good = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()

    def spoil(i, datum):
        datum.CopyFrom(caffe_pb2.Datum(encoded=True, data=b"no image" if 60 <= i < 80 else good))

    database(tmp_path / "db", change=spoil)
    with pytest.raises(CaffeError, match=r"db: record '000000[67]\d': its image cannot be decoded"):
        data(tmp_path)


def test_one_undecodable_image_is_named_when_it_is_reached(tmp_path):
    good = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    database(
        tmp_path / "db",
        change=lambda i, d: d.CopyFrom(caffe_pb2.Datum(encoded=True, data=b"no image" if i == 13 else good)),
    )
    n = data(tmp_path)
    n.forward()
    with pytest.raises(CaffeError, match=r"db: record '00000013': its image cannot be decoded"):
        n.forward()


def test_label_vectors_of_another_length(tmp_path):
    def shorten(i, datum):
        if i == 13:
            datum.channels, datum.data = 2, datum.data[:128]

    database(tmp_path / "db", change=shorten)
    n = data(tmp_path)
    n.forward()
    with pytest.raises(CaffeError, match=r"db: record '00000013': has shape \(2, 8, 8\), others have \(3, 8, 8\)"):
        n.forward()


def test_nan_in_a_record_is_passed_on_as_a_layer_of_the_users_may_mask_it(tmp_path):
    def spoil(i, datum):
        datum.data = b""
        datum.float_data.extend([float("nan") if i == 2 else 1.0] * 192)

    database(tmp_path / "db", change=spoil)
    n = data(tmp_path)
    n.forward()
    assert np.isnan(n.blobs["data"].data).all(axis=(1, 2, 3)).tolist() == [i == 2 for i in range(10)]


def test_databases_of_unequal_length_are_said(tmp_path, capsys):
    database(tmp_path / "db")
    database(tmp_path / "labels", 199)
    text = "".join(
        f"""layer {{ name: "{name}" type: "Data" top: "{name}"
            data_param {{ source: "{tmp_path}/{name}" backend: LMDB batch_size: 2 }} }}"""
        for name in ("db", "labels")
    )
    (tmp_path / "n.prototxt").write_text(text)
    (tmp_path / "s.prototxt").write_text(f'net: "{tmp_path}/n.prototxt" base_lr: 1 lr_policy: "fixed"')
    caffe.get_solver(str(tmp_path / "s.prototxt"))
    assert "db has 200 records" in capsys.readouterr().err


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
        said = capsys.readouterr().err.splitlines()
        assert "the loss is nan" in said[-1] and "parameter 0 of layer 'fc' holds NaN" in said[-1]
    assert not list(tmp_path.glob("*.solverstate"))
