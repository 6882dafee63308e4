import pytest

from multiweight import steps
from multiweight.errors import UserError


def test_a_step_is_finished_with_its_settings(tmp_path):
    mark = tmp_path / "step.json"
    assert steps.finished(mark, {"size": 1}) is None
    steps.write(mark, {"size": 1}, {"images": 2})
    assert steps.finished(mark, {"size": 1}) == {"images": 2, "settings": {"size": 1}}
    assert steps.finished(mark, {"size": 2}, overwrite=True) is None
    with pytest.raises(UserError, match="made with size 1, asked for 2"):
        steps.finished(mark, {"size": 2})


def test_broken_marks(tmp_path):
    mark = tmp_path / "step.json"
    for text in ("{", "[]"):
        mark.write_text(text)
        with pytest.raises(UserError, match="step.json: "):
            steps.read(mark)
