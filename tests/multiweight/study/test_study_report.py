"""report.md and its figures."""

import made_up
import pytest

from multiweight.base.errors import UserError
from multiweight.study import reading, report


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path))


def test_it_needs_a_trial(study):
    with pytest.raises(UserError, match="no trial has run yet"):
        report.write(study)


def test_a_study_that_has_just_begun_shows_the_nets_before_training(study):
    for reference in made_up.order.references(study, "whole"):
        made_up.write(study, reference)
    text = report.write(study).read_text(encoding="utf-8")
    assert text.splitlines()[2] == "**core: not run yet.**"
    assert "No method has been trained to the end yet: 48 iterations are left." in text
    assert "| alexnet | 2 | 20.00 |" in text and "| random | – | 2.00 |" in text


def test_tables_and_figures(study):
    made_up.run_all(
        study,
        lambda planned_trial: (
            0.4 + (0.1 if planned_trial.method and planned_trial.method.name == "multi_weight" else 0)
        ),
    )
    path = report.write(study)
    text = path.read_text(encoding="utf-8")
    for name in ("core_groups", "core_changes", "core_convergence", "one-rate_groups"):
        assert (study.folder / f"{name}.png").stat().st_size > 5000 and f"({name}.png)" in text
    row = next(line for line in text.splitlines() if line.startswith("| multi-weight | 0.0005 | 1.25 | 2 |"))
    assert "| **50.00** |" in row and "| **+10.00** |" in row
    assert "| Coat | 0.2500 | 2 | 35.00 ± 0.0 | **45.00 ± 0.0** |" in text
    assert "multi-weight better in 2, worse in 0" in text
    assert text.splitlines()[2] == "**core: undertrained: no conclusion (best mean mAP@50 50.00, multi-weight).**"
    again = report.write(study).read_text(encoding="utf-8")
    assert again == text, "the same results give the same page"


def test_a_running_study_says_what_is_left(study):
    core = study.experiments[0]
    made_up.run_all(study, lambda _: 0.4)
    last = list(made_up.order.trials(study, core, made_up.trial.results(study)))[-1]
    made_up.table.remove(made_up.trial.folder(study), last.name)
    assert "Not finished: 8 iterations are left." in report.render(study)


def test_an_experiment_says_where_its_seeds_lengths_and_finals_are_its_own(tmp_path):
    text = made_up.TEXT.replace(
        "question: Does it help?", "question: Does it help?\n    seeds: [2]\n    drop: 0.5\n    finalists: 1"
    )
    study = reading.load(made_up.folder(tmp_path, text))
    made_up.run_all(study, lambda _: 0.4)
    page = report.render(study)
    core, one_rate = page[page.index("## core") :].split("## one-rate")
    assert "Seeds 2.\n" in core and "\n8 iterations.\n" not in core
    assert "The rate is divided by 10 after 50% of the iterations.\n" in core and "divided by 10" not in one_rate
    assert "Of 1 methods beside multi-label, the 1 with the highest mAP in the search above are trained to" in core
    assert "Iterations: multi-weight 16; the others 8.\n" in one_rate
    both = text.replace("lengths: {multi_weight: 16}", "lengths: {multi_weight: 16, proportion-rescaled: 16}")
    study = reading.load(made_up.folder(tmp_path / "both", both))
    made_up.run_all(study, lambda _: 0.4)
    assert "\n16 iterations.\n" in report.render(study)
