"""The kinds of values in the steps' own files: what the steps write fits, and whatever else is there is named."""

import json
import math

import pytest

from multiweight.base import done, kinds
from multiweight.base.errors import UserError


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("import.json", {"settings": 3}, "settings is 3: expected an object"),
        ("import.json", {"settings": {"folder": None}}, "settings.folder is null: expected a text"),
        ("import.json", {"images": "many"}, "images is 'many': expected a whole number"),
        ("dataset.json", {"counts": 4}, "counts is 4: expected an object"),
        ("dataset.json", {"counts": {"test": None}}, "counts.test is null: expected a whole number"),
        ("dataset.json", {"group_images": {"Colour": True}}, "group_images.Colour is True: expected a whole number"),
        ("train.json", {"settings": {"prototxt_sha256": 1}}, "settings.prototxt_sha256 is 1: expected a text"),
        ("train.json", {"seconds": []}, r"seconds is \[\]: expected a number"),
        ("x_iter_4.training.json", {"lasting": "yes"}, "lasting is 'yes': expected true or false"),
        ("evaluation.json", {"groups": {"Colour": {"map": "x"}}}, "groups.Colour.map is 'x': expected a number"),
        ("evaluation.json", {"mean_interval": 3}, "mean_interval is 3: expected a list"),
    ],
)
def test_a_value_of_another_kind_is_one_line(tmp_path, file, content, message):
    mark = tmp_path / file
    mark.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"{file}: damaged: {message}: delete it and run the step again"):
        done.read(mark)


def test_what_may_be_null_or_of_unknown_name_is_read(tmp_path):
    mark = tmp_path / "evaluation.json"
    mark.write_text(json.dumps({"mean_map": None, "groups": {"Colour": {"map": 0.5, "queries": 3}}, "more": [1]}))
    assert done.read(mark)["groups"]["Colour"]["map"] == 0.5
    assert kinds.problem("evaluation.json", {"mean_map": math.nan}) == ""
    assert kinds.problem("anything.json", {"settings": 3}) == ""


def test_nesting_without_end_is_one_line(tmp_path):
    mark = tmp_path / "train.json"
    mark.write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"train\.json: not valid JSON"):
        done.read(mark)
