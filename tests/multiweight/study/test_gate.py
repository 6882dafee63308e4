"""The gate: each condition by itself, and what is said of an experiment that does not pass."""

import made_up
import pytest

from multiweight.study import findings, gate, reading, trial

TEXT = made_up.TEXT.replace("points: 2", "points: [0.25, 0.875, 1]")
#: At iterations 2, 7 and 8 of 8; the rate drops at 6.
LEARNED = {2: 0.3, 7: 0.398, 8: 0.4}


def opened(tmp_path, text=TEXT, curve=LEARNED, groups=None):
    """The gate of an experiment whose every final went through ``curve``; untrained nets have 0.1 and 0.2."""
    return gate.check(*made(tmp_path, text, curve, groups))


def made(tmp_path, text=TEXT, curve=LEARNED, groups=None):
    """The study, and what its first experiment found."""
    study = reading.load(made_up.folder(tmp_path, text))
    made_up.run_all(study, lambda _: 0.4)
    for planned_trial in made_up.order.trials(study, study.experiments[0], trial.results(study)):
        if planned_trial.purpose == made_up.order.FINAL:
            points = [{"iteration": n, "mean_map": value} for n, value in curve.items()]
            end = points[-1]["mean_map"]
            made_up.write(
                study, planned_trial, points=points, groups=groups or {"Colour": end + 0.05, "Coat": end - 0.05}
            )
    return study, findings.read(study, study.experiments[0], trial.results(study))


def failed(checked):
    return [check.name for check in checked.checks if not check.passed]


def test_nets_that_have_learned_are_valid(tmp_path):
    result = opened(tmp_path, TEXT.replace("drop: 0.8", ""))
    assert failed(result) == [] and result.valid and result.verdict == "valid (best mean mAP@50 40.00, multi-label)"
    assert [check.value for check in result.checks] == ["+25.00", "+25.00", "2 of 2", "+0.20", "+0.20"]


@pytest.mark.parametrize(
    "curve, groups, names",
    [
        ({2: 0.3, 7: 0.39, 8: 0.4}, None, ["last tenth of multi-label", "last tenth of multi-weight"]),
        (
            {2: 0.2, 7: 0.22, 8: 0.22}, {"Colour": 0.3, "Coat": 0.14},
            ["best method above the untrained net of its trunk",
             "best method above the best untrained net, of its trunk or the paper's"],
        ),
        (LEARNED, {"Colour": 0.75, "Coat": 0.05}, None),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(tmp_path, curve, groups, names):
    result = opened(tmp_path, curve=curve, groups=groups)
    if names is None:  # five sixths of two groups are one, rounded down, and one is above
        assert result.valid
        return
    assert failed(result) == names and result.verdict.startswith("undertrained: no conclusion (best mean mAP@50 ")


def test_several_shops_are_judged_by_their_means(tmp_path):
    study, steady = made(tmp_path / "steady", curve={2: 0.3, 7: 0.399, 8: 0.4})
    _, rising = made(tmp_path / "rising", curve={2: 0.3, 7: 0.413, 8: 0.42})
    assert [check.value for check in gate.check(study, rising).checks[-2:]] == ["+0.70", "+0.70"]
    together = gate.check(study, steady, rising)  # gains of 0.1 and 0.7
    assert together.valid and together.value == pytest.approx(0.41)
    assert [check.value for check in together.checks] == ["+26.00", "+26.00", "2 of 2", "+0.40", "+0.40"]


def test_a_last_tenth_that_was_not_measured_does_not_pass(tmp_path):
    result = opened(tmp_path, made_up.TEXT, {4: 0.4, 8: 0.4})
    assert [check.value for check in result.checks[-2:]] == ["not measured"] * 2 and not result.valid
    # A point before the drop of the rate says nothing of what follows it.
    early = opened(tmp_path / "early", TEXT.replace("points:", "drop: 0.9\npoints:"))
    assert [check.value for check in early.checks[-2:]] == ["not measured"] * 2
