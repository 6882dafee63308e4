import pytest

from multiweight.base.errors import UserError
from multiweight.base.yaml_file import parse, plain, read


def test_words_stay_words():
    node = parse("a: [no, on, yes, 036, 1e3, null, 1_000, 2024-01-01, 0x1F, 1:30, .5, '7']\noff: y\n", "f")
    assert [item.text for item in node.fields["a"][1].items] == [
        "no", "on", "yes", "036", "1e3", "null", "1_000", "2024-01-01", "0x1F", "1:30", ".5", "7",
    ]  # fmt: skip
    assert list(node.fields) == ["a", "off"]
    assert plain(node) == {
        "a": ["no", "on", "yes", "036", 1000.0, None, "1_000", "2024-01-01", "0x1F", "1:30", 0.5, "7"],
        "off": "y",
    }


def test_plain_data_of_the_core_schema():
    text = "a: {b: true, c: -3, d: [0.001, 1.], e: ~, f: , g: 'true', h: +4}\n"
    assert plain(parse(text, "f")) == {
        "a": {"b": True, "c": -3, "d": [0.001, 1.0], "e": None, "f": None, "g": "true", "h": 4}
    }
    assert plain(parse("x: &one {a: 1}\ny: {<<: *one, a: 2}\nz: {b: 3, <<: [*one]}\n", "f")) == {
        "x": {"a": 1}, "y": {"a": 2}, "z": {"b": 3, "a": 1},
    }  # fmt: skip
    assert parse("", "f") is None and parse("# nothing\n", "f") is None


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"f:3: the key 'a' stands twice \(first on line 1\)"),
        ("x:\n  no: 1\n  'no': 2\n", r"f:3: the key 'no' stands twice \(first on line 2\)"),
        ("x: {a: 1,\n  a: 2}\n", r"f:2: the key 'a' stands twice \(first on line 1\)"),
        ("x: [{a: 1, a: 2}]\n", "f:1: the key 'a' stands twice"),
        (BOMB, r"f:[5-7]: aliases .* more than 100,000 values"),
        ("a: &a [*a]\n", r"f:1: the alias \*a stands inside what it means"),
        ("a: *b\n", "f:1: "),
        ("[" * 100_000, "f:1: "),
        ("- " * 100_000, "f:1: more than 64 lists"),
        ("a: [\n", "f:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "f:2: a second document"),
        ("a: !!python/object:os.system x\n", "f:1: the tag"),
        ("a: !mine x\n", "f:1: the tag"),
        ("[a]: b\n", "f:1: a key is a list"),
        ("a: 1\nb: \x01\n", "f:2: not valid YAML .the control character"),
        ("a: <<\n<<: 1\n", "f:2: << takes a mapping"),
        ('a: "\\UFFFFFFFF"\n', "f.*: not valid YAML"),
    ],
)
def test_mistakes_of_yaml_name_the_line(text, message):
    with pytest.raises(UserError, match=message):
        parse(text, "f")


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\nb: \xc4\xd0\n")
    with pytest.raises(UserError, match=r"a\.yaml:2: not UTF-8"):
        read(path)
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert list(read(path).fields) == ["a"]
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path)
