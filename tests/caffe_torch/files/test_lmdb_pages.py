"""An LMDB's pages read in place: against LMDB's own library, beside it in one process, and damaged anywhere."""

import lmdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.files.database import open_source
from caffe_torch.files.lmdb_pages import Damage, Pages
from caffe_torch.proto import caffe_pb2


def write(path, records, **options):
    with lmdb.open(str(path), map_size=1 << 26, **options) as store, store.begin(write=True) as writer:
        for key, value in records.items():
            writer.put(key, value)


def read(path):
    pages = Pages(str(path / "data.mdb"))
    result = [record for leaf in pages.leaves for record in pages.records(leaf)]
    assert pages.count == len(result) == sum(pages.entries(leaf) for leaf in pages.leaves)
    return result


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(st.dictionaries(st.binary(min_size=1, max_size=40), st.integers(0, 20000), max_size=60), st.integers(0, 3))
def test_any_keys_and_values_are_what_lmdb_itself_gives(tmp_path_factory, sizes, rounds):
    path = tmp_path_factory.mktemp("db")
    records = {key: (key * size)[:size] for key, size in sizes.items()}
    for turn in range(rounds):  # pages that were freed, and a tree that was changed
        write(path, {key: value + b"x" * turn for key, value in records.items()})
    write(path, records)
    assert read(path) == sorted(records.items())


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
def test_trees_of_every_depth(tmp_path, count):
    records = {b"%08d" % i: b"%d" % i * (i % 50) for i in range(count)}
    write(tmp_path, records)
    assert read(tmp_path) == sorted(records.items())


def test_records_go_on_from_any_of_them(tmp_path):
    write(tmp_path, {b"%05d" % i: b"%d" % i for i in range(700)})
    source = open_source(str(tmp_path))
    for start in (0, 1, 250, 699, 700, 1500):
        records = source.records(start)
        result = [int(next(records)[0]) for _ in range(1500)]
        assert result == [(start + i) % 700 for i in range(1500)]
    sampled = [int(key) for key, _ in source.sample()]
    assert sampled[0] == 0 and {0, 1, 2, 3, 696, 697, 698, 699} <= set(sampled) and len(sampled) > 10


def test_what_a_writer_adds_is_seen_in_the_next_pass(tmp_path):
    write(tmp_path, {b"a": b"1"})
    records = open_source(str(tmp_path)).records()
    assert next(records) == (b"a", b"1")
    write(tmp_path, {b"b": b"2" * 100000})
    assert [next(records)[0] for _ in range(4)] == [b"a", b"b", b"a", b"b"]


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(0, 60000), st.integers(0, 255)), min_size=1, max_size=8))
def test_damage_anywhere_is_an_error_or_other_records_but_never_the_end_of_the_process(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("db")
    write(path, {b"%04d" % i: b"v" * (i * 97 % 6000) for i in range(40)})
    data = bytearray((path / "data.mdb").read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    (path / "data.mdb").write_bytes(data)
    try:
        pages = Pages(str(path / "data.mdb"))
        assert sum(1 for leaf in pages.leaves for _ in pages.records(leaf)) < 10000
    except Damage:
        pass


def test_a_table_within_the_database_is_no_record(tmp_path):
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 20, max_dbs=1) as store:
        store.open_db(b"table")
    with pytest.raises(CaffeError, match="db: is damaged .*no record"):
        list(open_source(str(tmp_path / "db")).sample())


def test_the_format_of_lmdb_1_is_refused_as_the_original_cannot_read_it(tmp_path):
    write(tmp_path / "db", {b"a": b"1"})
    data = bytearray((tmp_path / "db/data.mdb").read_bytes())
    data[20] = data[4096 + 20] = 3
    (tmp_path / "db/data.mdb").write_bytes(data)
    with pytest.raises(CaffeError, match="db: cannot be opened as an LMDB .its data format is 3, Caffe reads 1"):
        open_source(str(tmp_path / "db"))


# --- beside the program's own environments ---

NET = """layer { name: "d" type: "Data" top: "x" top: "l" data_param { source: "%s" backend: LMDB batch_size: 2 } }"""


@pytest.fixture
def database(tmp_path):
    images = {
        b"%d" % i: caffe_pb2.Datum(channels=1, height=1, width=2, data=bytes([i, i]), label=i).SerializeToString()
        for i in range(3)
    }
    write(tmp_path / "db", images)
    (tmp_path / "net.prototxt").write_text(NET % (tmp_path / "db"))
    return tmp_path


def labels(folder):
    net = caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN)
    net.forward()
    return net, net.blobs["l"].data.tolist()


def test_the_program_opens_it_first(database):
    with lmdb.open(str(database / "db"), readonly=True) as store:
        _, result = labels(database)
        assert result == [0, 1]
        with store.begin() as reader:
            assert reader.stat()["entries"] == 3


def test_the_program_opens_it_while_a_net_reads_it(database):
    net, _ = labels(database)
    with lmdb.open(str(database / "db"), readonly=True, lock=False) as store, store.begin() as reader:
        assert caffe_pb2.Datum.FromString(reader.get(b"2")).label == 2
    net.forward()
    assert net.blobs["l"].data.tolist() == [2, 0]


def test_the_writer_was_left_open(database):
    store = lmdb.open(str(database / "db"), map_size=1 << 20)
    with store.begin(write=True) as writer:
        writer.put(b"9", caffe_pb2.Datum(channels=1, height=1, width=2, data=b"ab", label=9).SerializeToString())
    net, _ = labels(database)
    net.forward()
    assert net.blobs["l"].data.tolist() == [2, 9]
    store.close()


def test_one_that_is_built_anew_in_the_same_place_is_another_one(database):
    net, result = labels(database)
    (database / "db/data.mdb").unlink()
    (database / "db/lock.mdb").unlink()
    write(
        database / "db", {b"0": caffe_pb2.Datum(channels=1, height=1, width=1, data=b"a", label=7).SerializeToString()}
    )
    other, result = labels(database)
    assert result == [7, 7] and net.blobs["l"].data.tolist() == [0, 1]
    np.testing.assert_array_equal(other.blobs["x"].data.ravel(), [97, 97])
