"""Hand-worked intervals, differences and convergence."""

import made_up
import pytest

from multiweight.study import findings, reading, trial


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path))


def core(study, mean):
    made_up.run_all(study, mean)
    return findings.read(study, study.experiments[0], trial.results(study))


def test_nothing_is_told_before_a_trial_has_run(study):
    assert findings.read(study, study.experiments[0], {}) is None


def test_means_and_intervals_over_two_seeds(study):
    result = core(study, lambda planned_trial: 0.4 + 0.02 * planned_trial.seed if planned_trial.method else 0.0)
    line = result.lines[0]
    estimate = line.estimate()
    # Seeds at 0.42 and 0.44: mean 0.43, standard error 0.01, Student's t with one degree of freedom 12.706.
    assert estimate.value == pytest.approx(0.43)
    assert estimate.seeds == pytest.approx((0.43 - 0.12706, 0.43 + 0.12706), abs=1e-5)
    # The draws made up for a seed are all equal, so they have no width.
    assert estimate.queries == pytest.approx((0.43, 0.43))
    assert line.estimate("Coat").value == pytest.approx(0.38) and result.untrained_map() == pytest.approx(0.15)


def test_a_difference_is_taken_seed_by_seed(study):
    def mean(planned_trial):
        return (
            0.3
            + 0.05 * planned_trial.seed
            + (0.1 if planned_trial.method and planned_trial.method.name == "multi_weight" else 0)
        )

    result = core(study, mean)
    difference = findings.difference(result.lines[1], result.lines[0])
    assert difference.value == pytest.approx(0.1) and difference.seeds == pytest.approx((0.1, 0.1)), (
        "the seeds' spread is shared"
    )
    # None of 200 draws is below 0: p is 2 of 201.
    assert difference.queries == pytest.approx((0.1, 0.1)) and difference.p == pytest.approx(2 / 201)
    none = findings.difference(result.lines[0], result.lines[0])
    assert none.value == 0 and none.p == 1
    coat = findings.difference(result.lines[1], result.lines[0], ["Coat"], part=None)
    assert coat.value == pytest.approx(0.1) and coat.queries is None


def test_iterations_to_a_level_lie_on_the_straight_line(study):
    line = core(study, lambda _: 0.4).lines[0]
    # 0.1 at 0, 0.2 at 4, 0.4 at 8.
    assert findings.iterations_to(line, 0.15, 0.1) == pytest.approx(2)
    assert findings.iterations_to(line, 0.3, 0.1) == pytest.approx(6)
    assert findings.iterations_to(line, 0.5, 0.1) is None and findings.iterations_to(line, 0.1, 0.1) == 0


def test_a_diverged_run_is_told_and_left_out_of_means(study):
    core(study, lambda _: 0.4)
    diverged_trial = next(
        t for t in made_up.order.trials(study, study.experiments[0], trial.results(study)) if t.seed == 2 and t.method
    )
    made_up.write(study, diverged_trial, status="diverged")
    line = findings.read(study, study.experiments[0], trial.results(study)).lines[0]
    assert len(line.runs) == 1 and [d["iteration"] for d in line.diverged] == [3]
    assert line.estimate().seeds is None
