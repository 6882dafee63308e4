import pytest

from multiweight.base import done
from multiweight.base.errors import UserError


def test_a_step_is_finished_with_its_settings(tmp_path):
    mark = tmp_path / "step.json"
    assert done.finished(mark, {"size": 1}) is None
    done.write(mark, {"size": 1}, {"images": 2})
    assert done.finished(mark, {"size": 1}) == {"images": 2, "settings": {"size": 1}}
    assert done.finished(mark, {"size": 2}, overwrite=True) is None
    with pytest.raises(UserError, match="made with size 1, asked for 2"):
        done.finished(mark, {"size": 2})


def test_broken_marks(tmp_path):
    mark = tmp_path / "step.json"
    for text in ("{", "[]"):
        mark.write_text(text)
        with pytest.raises(UserError, match="step.json: "):
            done.read(mark)
