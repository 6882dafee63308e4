"""Broken LMDBs: one clear error each, which names the folder and the record; no crash, no traceback."""

import os
import subprocess
import sys

import cv2
import lmdb
import numpy as np
import pytest
from opened import net

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.proto import caffe_pb2
from commands import PYTHON


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
