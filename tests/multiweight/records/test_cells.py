import pytest

from multiweight.records import cells


@pytest.mark.parametrize(
    "text",
    ["", " ", "NA", "n/a", "#N/A", "NaN", "nan", "None", "NULL", "null", "-", " — ", "<NA>", "N.A.", "\\N", "暂无"],
)
def test_missing(text):
    assert cells.is_missing(text)


@pytest.mark.parametrize("text", ["0", "no", "off", "Nana", "navy", "a-b", "Nylon", "无袖", "na na"])
def test_not_missing(text):
    assert not cells.is_missing(text)


def test_tidy_names():
    assert cells.tidy("dark\u00a0red\u3000") == "dark red"
    assert cells.tidy("\ufeffre\u200bd\u00ad") == "red"
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert cells.tidy(persian) == persian
    assert cells.tidy("cafe\u0301") == "caf\u00e9"
    assert cells.tidy(" T-shirt ") == "T-shirt"


def test_problems_of_names():
    assert cells.name_problem("red") == cells.name_problem("dark red") == cells.name_problem("\u0645\u200c\u062e") == ""
    assert "'='" in cells.name_problem("a=b") and "U+0007" in cells.name_problem("a\x07b")
    assert "empty" in cells.name_problem("") and "spaces" in cells.name_problem(" a")
    assert cells.control("Screenshot at 3.04\u202fPM.png") == cells.control("a\u3000b\u200d.jpg") == ""
    assert cells.control("a\u2028b") and cells.control("\ud800")


def test_ids_of_spreadsheets():
    assert [cells.without_float_suffix(text) for text in ("1163.0", "1163.00", "1163.5", "A1.0", "1163")] == [
        "1163", "1163", "1163.5", "A1.0", "1163",
    ]  # fmt: skip
    assert cells.shortened("6.92E+12") and cells.shortened("1e+05")
    assert not any(map(cells.shortened, ("692", "E12", "6.92", "1e", "a1e5")))
