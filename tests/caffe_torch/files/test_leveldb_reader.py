"""LevelDB: the records of an LMDB in the same order, with the same checks, from a folder that nothing is written to."""

import importlib
import os
import subprocess
import sys
from itertools import islice

import lmdb
import numpy as np
import pytest
import unchecked

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.files.leveldb_reader import LevelDbSource
from caffe_torch.files.lmdb_reader import LmdbSource
from caffe_torch.layers.sources.data import warn_of_unequal
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime.lazy import Lazy

plyvel = unchecked.package("plyvel", "the reader of LevelDB")

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 3, 6, 6), dtype=np.uint8)


def records():
    for i, image in enumerate(IMAGES):
        datum = caffe_pb2.Datum(channels=3, height=6, width=6, data=image.tobytes(), label=i)
        yield b"%08d" % i, datum.SerializeToString()


def level(path, rows=None, tables=False):
    """A LevelDB in ``path``; with ``tables`` its records lie in tables, not in the log of what was written last."""
    with plyvel.DB(str(path), create_if_missing=True) as store:
        for key, value in records() if rows is None else rows:
            store.put(key, value)
        if tables:
            store.compact_range()
    return path


def net(source, backend="LEVELDB", batch=2):
    (source.parent / "n.prototxt").write_text(
        f'layer {{ name: "d" type: "Data" top: "d" top: "l" '
        f'data_param {{ source: "{source}" backend: {backend} batch_size: {batch} }} }}'
    )
    return caffe.Net(str(source.parent / "n.prototxt"), caffe.TRAIN)


@pytest.mark.parametrize("tables", [False, True])
def test_the_same_records_as_in_an_lmdb(tmp_path, tables):
    with lmdb.open(str(tmp_path / "lmdb"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for key, value in records():
            writer.put(key, value)
    theirs = LmdbSource(str(tmp_path / "lmdb"))
    for start in (0, 5, 22, 23, 30, 99):  # each with a source that does not know yet how many there are
        ours = LevelDbSource(str(level(tmp_path / f"level{start}", tables=tables)))
        assert list(islice(ours.records(start), 60)) == list(islice(theirs.records(start), 60)), start
        assert list(islice(ours.records(start), 3)) == list(islice(theirs.records(start), 3)), start
        assert list(ours.sample())[0] == list(theirs.sample())[0] and set(ours.sample()) == set(theirs.sample())
        assert ours.quick_count() == theirs.quick_count() == 23


def test_a_layer_goes_round_and_is_recalled(tmp_path):
    n = net(level(tmp_path / "db"), batch=10)
    labels = []
    for _ in range(3):
        n.forward()
        labels += n.blobs["l"].data.astype(int).tolist()
    assert labels == [*range(23), *range(7)]
    np.testing.assert_array_equal(n.blobs["d"].data, IMAGES[[20, 21, 22, *range(7)]])
    state = n.layers[0].state_dict()
    again = net(tmp_path / "db", batch=10)
    again.layers[0].load_state_dict(state)
    again.forward()
    assert again.blobs["l"].data.astype(int).tolist() == [*range(7, 17)]


def test_leveldb_is_the_fields_default_and_what_a_folder_holds_counts(tmp_path, capfd):
    with lmdb.open(str(tmp_path / "pairs"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for key, value in records():
            writer.put(key, value)
    level(tmp_path / "tables")
    for folder, backend, words in (
        ("pairs", "LEVELDB", "the net says LEVELDB, but it is read as the LMDB that it is"),
        ("tables", "LMDB", "the net says LMDB, but it is read as the LEVELDB that it is"),
        ("tables", "LEVELDB", ""),
    ):
        n = net(tmp_path / folder, backend)
        n.forward()
        assert n.blobs["l"].data.tolist() == [0, 1]
        output = capfd.readouterr().err
        assert words in output and ("the net says" in output) == bool(words)
        del n


def test_nothing_is_written_and_several_processes_read(tmp_path):
    level(tmp_path / "db", tables=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "db").iterdir()}
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "db").iterdir()}
    n = net(tmp_path / "db")
    n.forward()
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", "time", "--model", str(tmp_path / "n.prototxt"), "--iterations=2"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "db").iterdir()} == before
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "db").iterdir()} == times


def test_the_folder_of_links_goes_with_its_source(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    source = LevelDbSource(str(level(tmp_path / "db")))
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    del source
    assert not list((tmp_path / "temporary").iterdir())


def cut(file, share):
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


def changed(file, share):
    spoilt = bytearray(file.read_bytes())
    spoilt[int(share * len(spoilt))] ^= 0x15
    file.write_bytes(bytes(spoilt))


@pytest.mark.parametrize(
    "kind, spoil, share",
    [*(("*.ldb", cut, share) for share in (0, 0.5, 0.99)), ("*.ldb", changed, 0.1), ("*.ldb", changed, 0.5),
     ("CURRENT", cut, 0), ("CURRENT", cut, 0.5), ("MANIFEST-*", cut, 0), ("MANIFEST-*", changed, 0.5)],
)  # fmt: skip
def test_a_damaged_database_is_one_error(tmp_path, kind, spoil, share):
    level(tmp_path / "db", tables=True)
    spoil(next((tmp_path / "db").glob(kind)), share)
    with pytest.raises(CaffeError, match=r"db: (is damaged|cannot be opened as a LevelDB) \(\w.*\)") as caught:
        net(tmp_path / "db", batch=23).forward()
    assert "leveldb-" not in str(caught.value)


def test_a_table_that_is_missing(tmp_path):
    level(tmp_path / "db", tables=True)
    next((tmp_path / "db").glob("*.ldb")).unlink()
    with pytest.raises(CaffeError, match="db: cannot be opened as a LevelDB .*missing files"):
        net(tmp_path / "db")


def test_records_that_are_wrong_are_named(tmp_path):
    with pytest.raises(CaffeError, match="db: is an empty LevelDB"):
        net(level(tmp_path / "db", []))
    rows = [(key, b"\xff\xff" if key.endswith(b"3") else value) for key, value in records()]
    with pytest.raises(CaffeError, match="00000003' is no Datum"):
        net(level(tmp_path / "wrong", rows))


def test_without_plyvel_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    level(tmp_path / "db")
    reader = importlib.import_module("caffe_torch.files.leveldb_reader")
    monkeypatch.setattr(reader, "plyvel", Lazy("plyvel_that_is_not_there"))
    with pytest.raises(CaffeError, match=r"db: is a LevelDB, and plyvel.*multiweight\[leveldb\].*LMDB") as caught:
        net(tmp_path / "db")
    assert "\n" not in str(caught.value)


def test_two_layers_of_different_length_are_warned_of(tmp_path, capfd):
    level(tmp_path / "db")
    level(tmp_path / "short", list(records())[:20])
    text = "".join(
        f'layer {{ name: "{name}" type: "Data" top: "{name}" '
        f'data_param {{ source: "{tmp_path}/{name}" batch_size: 2 }} }}\n'
        for name in ("db", "short")
    )
    (tmp_path / "n.prototxt").write_text(text)
    n = caffe.Net(str(tmp_path / "n.prototxt"), caffe.TRAIN)
    warn_of_unequal(node.layer for node in n.graph.nodes)
    assert "has 23 records" in capfd.readouterr().err
