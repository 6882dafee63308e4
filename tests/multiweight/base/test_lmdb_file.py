import lmdb
import pytest

from multiweight.base import lmdb_file
from multiweight.base.errors import UserError
from multiweight.base.lmdb_file import LmdbFile

RECORDS = [(f"{n:04d}".encode(), bytes([n]) * 5000) for n in range(9)]


@pytest.fixture
def path(tmp_path):
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 20) as store, store.begin(write=True) as writer:
        for key, value in reversed(RECORDS):
            writer.put(key, value)
    return tmp_path / "db"


def test_keys_and_values_come_in_the_order_of_the_keys(path):
    with LmdbFile(path) as file:
        assert len(file) == 9 and list(file.items()) == RECORDS and list(file.keys()) == [key for key, _ in RECORDS]
        assert list(file.items(b"0006")) == RECORDS[6:] == list(file.items(b"00050"))
        assert file.get(b"0003") == RECORDS[3][1] and file.get(b"3") is None and file.last_key() == b"0008"
    assert list(lmdb_file.keys(path)) == [key for key, _ in RECORDS] and list(lmdb_file.items(path, b"0009")) == []


def test_where_there_is_none_there_are_no_keys_and_opening_is_an_error(tmp_path):
    assert list(lmdb_file.keys(tmp_path)) == [] == list(lmdb_file.items(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"absent: no LMDB there: pack the data first \(make lmdb\)"):
        LmdbFile(tmp_path / "absent")


def test_a_damaged_one_is_told_by_its_path(path):
    data = bytearray((path / "data.mdb").read_bytes())
    for page in range(2, len(data) // 4096):
        data[4096 * page + 8 : 4096 * page + 24] = b"\xff" * 16
    (path / "data.mdb").write_bytes(data)
    with pytest.raises(UserError, match=r"db: damaged \("), LmdbFile(path) as file:
        list(file.items())
    (path / "data.mdb").write_bytes(b"\0" * 8192)
    with pytest.raises(UserError, match=r"db: cannot be opened as an LMDB \("):
        LmdbFile(path)


def test_it_is_closed_when_its_items_were_read_in_part(path):
    first = next(iter(lmdb_file.items(path)))
    assert first == RECORDS[0]
    with LmdbFile(path) as file:  # LMDB opens a path once in a process
        assert len(file) == 9
