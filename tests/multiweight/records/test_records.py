import pytest

from multiweight.base.errors import UserError
from multiweight.records import record_table, records
from multiweight.records.catalog import Catalog
from multiweight.records.record_table import RecordTable
from multiweight.records.records import Record

CATALOG = Catalog.from_dict({"color": ["red", "blue"], "sleeve": ["long", "short"]})
GOOD = [
    Record("a 1.jpg", "p1", (("color", "red"), ("sleeve", "long"))),
    Record("images.zip::in/衣.jpg", "p1", ()),
    Record('b,"2".jpg', "p2", (("color", "blue"),)),
]


def test_write_then_read(tmp_path):
    path = tmp_path / "records.csv"
    records.write(path, GOOD)
    assert records.read(path, CATALOG) == GOOD
    assert path.read_text(encoding="utf-8").splitlines()[1] == "a 1.jpg,p1,color=red|sleeve=long"
    packed = [("00000000", GOOD[2]), ("00000002", GOOD[0])]
    records.write_packed(path, packed)
    assert records.read_packed(path, CATALOG) == packed


def test_byte_order_mark_and_line_ends(tmp_path):
    path = tmp_path / "records.csv"
    path.write_bytes(b"\xef\xbb\xbfimage,product,labels\r\na.jpg,p,color=red\r\n\r\nb.jpg,q,\r\n")
    assert [record.image for record in records.read(path, CATALOG)] == ["a.jpg", "b.jpg"]


def test_vector():
    assert GOOD[0].vector(CATALOG).tolist() == [1, 0, 1, 0]
    assert GOOD[1].vector(CATALOG).dtype == "uint8"


@pytest.mark.parametrize(
    "row, message",
    [
        (b"a.jpg,p", r":3: 2 fields: expected 3"),
        (b"a.jpg,p,color=red,more", r":3: 4 fields"),
        (b"a.jpg,p,color=pink", r":3: label 'pink' is not in group 'color'.*red, blue"),
        (b"a.jpg,p,fit=slim", r":3: .*'fit'.*color, sleeve"),
        (b"a.jpg,p,red", r":3: label 'red': expected group=label"),
        (b"a.jpg,p,color=red|color=red", r":3: label 'color=red' stands twice"),
        (b"/etc/a.jpg,p,", r":3: .*absolute"),
        (b"C:\\a.jpg,p,", r":3: .*absolute"),
        (b"in/../../a.jpg,p,", r":3: .*'\.\.'"),
        (b"a.zip::../a.jpg,p,", r":3: .*'\.\.'"),
        (b"a.zip::,p,", r":3: .*archive.zip::member"),
        (b"first.jpg,p,", r":3: image 'first.jpg' stands twice \(first on line 2\)"),
        (b"a.jpg,,", r":3: the product is empty"),
        (b'"a.jpg,p,', r":3: broken CSV"),
        (b'"a"b.jpg,p,', r":3: broken CSV"),
        (b"\xe9.jpg,p,", r":3: not UTF-8"),
        (b"a\0.jpg,p,", r":3: a NUL byte"),
    ],
)
def test_mistakes_name_the_line(tmp_path, row, message):
    path = tmp_path / "records.csv"
    path.write_bytes(b"image,product,labels\nfirst.jpg,p,\n" + row + b"\nlast.jpg,p,\n")
    with pytest.raises(UserError, match=r"records\.csv" + message):
        records.read(path, CATALOG)


def test_header_and_missing_file(tmp_path):
    path = tmp_path / "records.csv"
    with pytest.raises(UserError, match="cannot be read"):
        records.read(path)
    path.write_text("picture,product,labels\n")
    with pytest.raises(UserError, match=r":1: header 'picture.*expected image,product,labels"):
        records.read(path)


def test_names_that_the_format_cannot_hold(tmp_path):
    with pytest.raises(UserError, match="must not be empty nor hold"):
        records.write(tmp_path / "records.csv", [Record("a.jpg", "p", (("color", "red|blue"),))])


SAID = [
    Record("a.jpg", "p", (("color", "red"),), (("sleeve", "long"),), (("sleeve", "short"),)),
    Record("b.jpg", "p", (), (("color", "*"),), (("color", "blue"),)),
    Record("c.jpg", "p", (("color", "red"),), (), (("color", "*"),)),
    Record("d.jpg", "p", ()),
]


def test_three_values(tmp_path):
    path = tmp_path / "records.csv"
    records.write(path, SAID)
    lines = path.read_text().splitlines()
    assert lines[1:3] == ["a.jpg,p,color=red|sleeve!=long|sleeve?=short", "b.jpg,p,color!=*|color?=blue"]
    assert records.read(path, CATALOG) == SAID
    # red, blue, long, short; a group that the record says nothing of is unknown.
    vectors = [record.vector(CATALOG, "ignore").tolist() for record in SAID]
    assert vectors == [[1, 0, 0, -1], [0, -1, -1, -1], [1, -1, -1, -1], [-1, -1, -1, -1]]
    assert [record.vector(CATALOG).tolist() for record in SAID] == [[1, 0, 0, 0], [0] * 4, [1, 0, 0, 0], [0] * 4]


@pytest.mark.parametrize(
    "item, message",
    [
        ("color=red|color!=red", "'color=red' stands twice"),
        ("color=*", r"label 'color=\*': expected group=label"),
        ("color!=pink", "'pink' is not in group 'color'"),
        ("fit?=*", "group 'fit' is not in the catalog"),
        ("!=red", "expected group=label"),
    ],
)
def test_mistakes_in_statements(tmp_path, item, message):
    path = tmp_path / "records.csv"
    path.write_text(f"image,product,labels\na.jpg,p,{item}\n")
    with pytest.raises(UserError, match=r"records\.csv:2: .*" + message):
        records.read(path, CATALOG)


def test_the_table_holds_the_same_records(tmp_path):
    path = tmp_path / "records.csv"
    records.write(path, SAID + GOOD[1:])
    table = RecordTable(path, CATALOG)
    expected = records.read(path, CATALOG)
    assert list(table) == expected and len(table) == 6
    assert (table[-1], table[-6], table[5]) == (expected[5], expected[0], expected[5])
    for index in (6, -7):
        with pytest.raises(IndexError):
            table[index]
    with path.open("a") as file:
        file.write("e.jpg,p,\nb.jpg,q,\n")
    with pytest.raises(UserError, match=r"records\.csv:9: image 'b.jpg' stands twice \(first on line 3\)"):
        RecordTable(path, CATALOG)


def test_a_double_is_found_among_names_of_one_hash(tmp_path, monkeypatch):
    """Another name of the same hash stands between the two."""
    monkeypatch.setattr(record_table, "hash", lambda name: 7, raising=False)
    path = tmp_path / "records.csv"
    records.write(path, [Record(f"{name}.jpg", "p", ()) for name in "abc"])
    assert [record.image for record in RecordTable(path)] == ["a.jpg", "b.jpg", "c.jpg"]
    with path.open("a") as file:
        file.write("a.jpg,p,\n")
    with pytest.raises(UserError, match=r"records\.csv:5: image 'a.jpg' stands twice \(first on line 2\)"):
        RecordTable(path)
