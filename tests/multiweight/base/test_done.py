import re

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


OLD = {"size": 1, "inputs": {"a.csv": "0" * 64}, "net": {"width": 0.5, "crop": 60}, "records_sha256": "0" * 64}


@pytest.mark.parametrize(
    "other, message",
    [
        ({"size": 2, "net": {"width": 0.5, "crop": 56}}, "made with size 1, asked for 2; net.crop 60, asked for 56"),
        ({"inputs": {"b.csv": "0" * 64}}, r"made with inputs that have changed since \(a.csv, b.csv\)"),
        ({"records_sha256": "1" * 64}, "made with records that have changed since"),
        ({"unknown": "no"}, "made with unknown None, asked for 'no'"),
    ],
)
@pytest.mark.parametrize("otherwise", done.Otherwise)
def test_other_settings_or_inputs_are_named_whatever_follows(tmp_path, capsys, otherwise, other, message):
    mark = tmp_path / "step.json"
    done.write(mark, OLD, {})
    assert done.finished(mark, OLD, otherwise=otherwise) is not None and not capsys.readouterr().out
    assert done.finished(mark, {"size": 1}) is not None, "what an older step noted besides does not count"
    message += ": " + otherwise.value[:8]
    if otherwise is done.Otherwise.REFUSED:
        with pytest.raises(UserError, match=message):
            done.finished(mark, {**OLD, **other})
        return
    assert done.finished(mark, {**OLD, **other}, otherwise=otherwise) is None
    assert re.search(message, capsys.readouterr().out)
    assert (
        done.finished(mark, {**OLD, **other}, otherwise=otherwise, show=False) is None and not capsys.readouterr().out
    )


def test_what_was_made_from_a_step_stands_against_overwrite(tmp_path):
    mark, kept, file = tmp_path / "step.json", tmp_path / "a.solverstate", tmp_path / "net.prototxt"
    done.write(mark, {"size": 1}, {})
    for path in (kept, file):
        path.write_text("")
    how = dict(kept=[kept], files=[file])
    assert done.finished(mark, {"size": 1}, **how) and done.finished(mark, {"size": 1}, True, **how) is None
    with pytest.raises(UserError, match=r"size 1, asked for 2; \S*a.solverstate was made from it: move or delete"):
        done.finished(mark, {"size": 2}, True, **how)
    kept.unlink()
    assert done.finished(mark, {"size": 2}, True, **how) is None
    file.unlink()
    assert done.finished(mark, {"size": 1}, **how) is None, "a file of the step is gone: it is done again"


def test_a_damaged_mark_of_a_step_that_comes_last_is_made_again(tmp_path, capsys):
    mark = tmp_path / "evaluation.json"
    mark.write_text("{")
    assert done.finished(mark, {"k": 50}, otherwise=done.Otherwise.MADE_AGAIN) is None
    assert capsys.readouterr().out == f"{mark}: damaged: made again\n"
    for other in (done.Otherwise.REFUSED, done.Otherwise.GOES_ON):
        with pytest.raises(UserError, match="not valid JSON"):
            done.finished(mark, {"k": 50}, otherwise=other)


def test_broken_marks(tmp_path):
    mark = tmp_path / "step.json"
    for text in ("{", "[]"):
        mark.write_text(text)
        with pytest.raises(UserError, match="step.json: "):
            done.read(mark)
