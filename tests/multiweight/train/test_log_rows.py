"""log.csv read back: whole rows; an incomplete last row is left out; a damaged row is an error that names its line."""

import pytest

from multiweight.base.errors import UserError
from multiweight.train import log_rows

HEAD = "iteration,phase,loss,lr,seconds,loss_a,map\n"
GOOD = "0,test,3.5,,0.5,3.5,0.25\n4,train,3.25,0.1,1.5,3.25,\n4,test,nan,,2.0,inf,\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.csv"


def test_rows(path):
    assert log_rows.read(path) == []
    path.write_text(HEAD + GOOD)
    result = log_rows.read(path)
    assert [(row.iteration, row.phase, row.cells["loss"]) for row in result] == [
        (0, "test", "3.5"), (4, "train", "3.25"), (4, "test", "nan"),
    ]  # fmt: skip
    assert result[0].cells["lr"] == "" and result[0].cells["map"] == "0.25"


@pytest.mark.parametrize("cut", ["8", "8,tra", "8,train,3.2", "8,train,3.2,0.1,2.5,"])
def test_a_last_row_that_is_cut_is_left_out(path, cut):
    path.write_text(HEAD + GOOD + cut)
    assert len(log_rows.read(path)) == 3


@pytest.mark.parametrize(
    "row, message",
    [
        ("x,y", "2 cells of 7"),
        ("4,train,3,0.1,1.5,3,,9", "8 cells of 7"),
        ("four,train,3,0.1,1.5,3,", "iteration 'four'"),
        ("\u00b2,train,3,0.1,1.5,3,", "iteration"),
        ("-4,train,3,0.1,1.5,3,", "iteration '-4'"),
        ("4,TRAIN,3,0.1,1.5,3,", "phase 'TRAIN'"),
        ("4,train,3..5,0.1,1.5,3,", r"loss '3\.\.5'"),
        ("4,train,3,0.1,late,3,", "seconds 'late'"),
    ],
)
def test_a_damaged_row_is_told_with_its_line(path, row, message):
    path.write_text(f"{HEAD}{row}\n{GOOD}", encoding="utf-8")
    with pytest.raises(UserError, match=rf"log\.csv:2: not a row of a training log \({message}.*remove the file"):
        log_rows.read(path)


def test_another_file_is_told(path):
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"log\.csv:1: no head of a training log: expected iteration, phase, loss"):
        log_rows.read(path)
    path.write_bytes(HEAD.encode() + b"\xff\xfe\n")
    with pytest.raises(UserError, match=r"log\.csv:2: not UTF-8"):
        log_rows.read(path)
