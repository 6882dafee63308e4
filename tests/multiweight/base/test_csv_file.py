import pytest

from multiweight.base import csv_file
from multiweight.base.errors import UserError


def read(tmp_path, data):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    return list(csv_file.rows(path))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_ends(tmp_path, end):
    result = read(tmp_path, end.join([b"\xef\xbb\xbfa,b", b'1,"x', b'y"', b"", b"2,z"]))
    assert result == [(1, ["a", "b"]), (2, ["1", f"x{end.decode()}y"]), (5, ["2", "z"])]


def test_long_cells_and_too_long_ones(tmp_path, monkeypatch):
    assert read(tmp_path, b"a\n" + b"x" * 200_000 + b"\n")[1] == (2, ["x" * 200_000])
    with pytest.raises(UserError, match=r"a\.csv:2: a cell of more than 16,777,216 characters"):
        read(tmp_path, b'a\n"' + b"x" * (csv_file.CELL + 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'a\n"b\n', ":2: broken CSV"),
        (b"a\r\xc4\xd0\r", ":2: not UTF-8"),
        ("a,b\n".encode("utf-16"), ":1: UTF-16"),
        (b"a\n\0\n", ":2: a NUL byte"),
    ],
)
def test_mistakes_name_the_line(tmp_path, data, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, data)


def test_what_is_written_is_no_formula(tmp_path):
    path = tmp_path / "a.csv"
    csv_file.write(path, ("image", "n"), [("=cmd()", -3), ("a,b", 0.5)])
    assert path.read_text() == 'image,n\n\'=cmd(),-3\n"a,b",0.5\n'
    assert list(tmp_path.iterdir()) == [path]
