"""The studies under docs/study: each report.md is what its result files say."""

import pytest
from checkout import REPOSITORY

from multiweight.study import reading, report

STUDIES = sorted(path.parent for path in (REPOSITORY / "docs" / "study").glob("*/study.yaml"))


def test_there_is_one():
    assert STUDIES


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_the_report_is_of_the_results(folder):
    study = reading.load(folder)
    assert (folder / report.NAME).read_text(encoding="utf-8") == report.render(study), "run make study-report"


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_its_pictures_are_there(folder):
    text = (folder / report.NAME).read_text(encoding="utf-8")
    named = [part.split(")")[0] for part in text.split("](")[1:]]
    assert named or "No method has been trained to the end yet" in text
    assert all((folder / name).exists() for name in named)
