import pytest

from multiweight.base.errors import UserError
from multiweight.base.json_file import parse


def test_json_is_strict():
    assert parse('{"a": NaN, "b": [1, 2.5, "x"]}', "f") == {"a": None, "b": [1, 2.5, "x"]}
    assert parse('"\\ud83d\\udc57"', "f") == "\U0001f457"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b": {"a": 2},\n "a": 3}', r"f:3: the key 'a' stands twice \(first on line 1\)"),
        ('[{"a": 1},\n {"b": 1, "\\u0062": 2}]', "f:2: the key 'b' stands twice"),
        ('{"a": Infinity}', "f:1: Infinity"),
        ('{"a": 1e999}', "f:1: 1e999"),
        ('{"a": ' + "7" * 5000 + "}", "f:1: a number of 5,000 digits"),
        ('{"a": 0.' + "7" * 5000 + "}", "f:1: a number of 5,002 digits"),
        ('{"a": "\\ud800"}', "f:1: .*surrogate"),
        ('{"\\udfff": 1}', "f:1: .*surrogate"),
        ("[" * 100_000, "f:1: "),
        ('{"a":\n}', "f:2: not valid JSON"),
    ],
)
def test_mistakes_of_json_name_the_line(text, message):
    with pytest.raises(UserError, match=message):
        parse(text, "f")


def test_a_row_of_jsonl_has_its_own_line():
    with pytest.raises(UserError, match="f:17: the key 'a' stands twice: keep one"):
        parse('{"a": 1, "a": 2}', "f", line=17)
