import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiweight.base import markup


@given(st.text(st.sampled_from("='+-@\t\r9a.,e%＝$_[]<&\\"), max_size=8))
def test_cells_and_markdown_come_back(text):
    assert markup.from_cell(markup.cell(text)) == text
    assert markup.from_markdown(markup.markdown(text)) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+cmd", "-x", "\t=1", "＝1", "'=1", "-1-2"])
def test_no_cell_is_a_formula(text):
    assert markup.cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+4.25", "1,163.0", "-1e-3", "3%", "a=b", "", "Price ($$)"])
def test_numbers_and_plain_cells_stay(text):
    assert markup.cell(text) == text


def test_latex_and_figures():
    assert markup.latex("50% & $x_1$ – −1") == r"50\% \& \$x\_1\$ -- $-$1"
    assert markup.figure("Price level ($$)") == r"Price level (\$\$)"
    assert markup.markdown("<b>[x](y) $a$") == r"\<b>\[x\](y) \$a\$"
