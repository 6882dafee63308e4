"""Which trials a study has, and which rate a method takes."""

import made_up
import pytest

from multiweight.study import order, reading


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path))


def search(study, method, scores):
    """Results of a method's search: mean mAP by rate, None where it diverged."""
    results = {}
    for rate, value in scores.items():
        planned_trial = order.Trial(order.SEARCH, "whole", method, rate, study.search.seed, study.search.iterations)
        status = "done" if value is not None else "diverged"
        results[planned_trial.name] = made_up.result(study, planned_trial, value or 0, status)
    return results


def waiting(study, results):
    core = study.experiments[0]
    method = core.methods[0]
    return [t.rate for t in order.trials(study, core, results) if t.method == method and t.name not in results]


def test_the_listed_rates_come_first(study):
    core = study.experiments[0]
    first = list(order.trials(study, core, {}))
    references = ["untrained", "untrained", "random"]
    assert [t.purpose for t in first] == references + ["search"] * 4, "no final before a rate is known"
    assert [(t.method.name, t.rate, t.iterations) for t in first[3:]] == [
        ("multi_label", 0.001, 4), ("multi_weight", 0.001, 4), ("multi_label", 0.002, 4), ("multi_weight", 0.002, 4),
    ], "rate by rate over all methods"  # fmt: skip
    # Nor does the first method run ahead once one of its rates is there.
    results = {planned_trial.name: made_up.result(study, planned_trial) for planned_trial in first[:4]}
    left = [t for t in order.trials(study, core, results) if t.name not in results]
    assert (left[0].method.name, left[0].rate) == ("multi_weight", 0.001)
    # A reference, two methods of two rates of 4, and two methods of two seeds of 8.
    assert order.missing(study, core, {}) == 2 * 2 * 4 + 2 * 2 * 8


@pytest.mark.parametrize(
    "scores, best, next_rates",
    [
        ({0.001: 0.3, 0.002: 0.2}, None, [0.0005]),
        ({0.001: 0.2, 0.002: 0.3}, None, [0.004]),
        ({0.001: 0.2, 0.002: 0.3, 0.004: 0.25}, 0.002, None),
        ({0.001: 0.2, 0.002: 0.3, 0.004: 0.35}, 0.004, None),  # extensions: 1
        ({0.0005: 0.3, 0.001: 0.3, 0.002: 0.2}, 0.0005, None),
        ({0.001: 0.3, 0.002: None, 0.0005: 0.2}, 0.001, None),
        ({0.001: None, 0.002: None}, None, [0.0005]),
        ({0.0005: None, 0.001: None, 0.002: None}, None, []),
    ],
)
def test_the_best_rate_and_the_search_beyond_an_edge(study, scores, best, next_rates):
    method = study.experiments[0].methods[0]
    results = search(study, method, scores)
    assert order.best_rate(study, "whole", method, results) == best
    finals = [best] * 2
    assert waiting(study, results) == (finals if next_rates is None else next_rates)


def test_the_best_two_rates_are_trained_again_and_the_mean_counts(tmp_path):
    study = reading.load(made_up.folder(tmp_path, made_up.TEXT.replace("extensions: 1", "extensions: 1, again: 2")))
    method = study.experiments[0].methods[0]
    results = search(study, method, {0.0005: 0.1, 0.001: 0.3, 0.002: 0.25})
    core = study.experiments[0]
    again = [t for t in order.trials(study, core, results) if t.method == method and t.name not in results]
    assert [(t.purpose, t.rate, t.seed) for t in again] == [("search", 0.001, 2), ("search", 0.002, 2)]
    assert order.best_rate(study, "whole", method, results) is None
    for planned_trial, value in zip(again, (0.2, 0.27)):
        results[planned_trial.name] = made_up.result(study, planned_trial, value)
    assert order.best_rate(study, "whole", method, results) == 0.002, "0.26 of two against 0.25"
    assert [len(by_seed) for by_seed in order.searched(study, "whole", method, results).values()] == [1, 2, 2]


def test_a_second_seed_that_diverges_counts_against_its_rate(tmp_path):
    study = reading.load(made_up.folder(tmp_path, made_up.TEXT.replace("extensions: 1", "extensions: 0, again: 2")))
    method = study.experiments[0].methods[0]
    results = search(study, method, {0.001: 0.3, 0.002: 0.5})
    for rate, status in ((0.001, "done"), (0.002, "diverged")):
        planned_trial = order.Trial(order.SEARCH, "whole", method, rate, 2, 4)
        results[planned_trial.name] = made_up.result(study, planned_trial, 0.3, status)
    assert order.best_rate(study, "whole", method, results) == 0.001


def test_the_papers_trunk_is_a_reference_too(tmp_path):
    text = made_up.TEXT.replace("width: 0.05", "width: 0.05, trunk: alexnet_bn")
    study = reading.load(made_up.folder(tmp_path, text))
    assert [reference.name for reference in order.references(study, "whole")] == [
        "whole_untrained_alexnet_bn_1", "whole_untrained_alexnet_bn_2",
        "whole_untrained_alexnet_1", "whole_untrained_alexnet_2", "whole_random",
    ]  # fmt: skip


def test_one_rate_needs_no_search_and_lengths_are_a_methods_own(study):
    trials = [t for t in order.trials(study, study.experiments[1], {}) if t.method]
    assert [(t.method.name, t.rate, t.iterations, t.seed) for t in trials] == [
        ("multi_weight", 0.002, 16, 1), ("proportion-rescaled", 0.002, 8, 1),
        ("multi_weight", 0.002, 16, 2), ("proportion-rescaled", 0.002, 8, 2),
    ]  # fmt: skip


def test_all_is_run_in_the_end(study):
    made_up.run_all(study, lambda _: 0.3)
    results = made_up.trial.results(study)
    assert [order.missing(study, experiment, results) for experiment in study.experiments] == [0, 0]


FINALISTS = made_up.TEXT.replace(
    "methods: [multi_label, multi_weight]",
    "methods: [multi_label, multi_weight, {scheme: inverse}, {scheme: ones, name: other}]\n"
    "    finalists: 1\n    seeds: [2]",
).replace("extensions: 1", "extensions: 0")


def test_with_finalists_the_first_method_and_the_best_of_the_search_are_trained_to_the_end(tmp_path):
    study = reading.load(made_up.folder(tmp_path, FINALISTS))
    core = study.experiments[0]

    def finals(results):
        return [(t.method.name, t.rate, t.seed) for t in order.trials(study, core, results) if t.purpose == order.FINAL]

    results = search(study, core.methods[0], {0.001: 0.2, 0.002: 0.1})
    results.update(search(study, core.methods[1], {0.001: 0.25, 0.002: 0.3}))
    results.update(search(study, core.methods[2], {0.001: 0.35, 0.002: 0.4}))
    assert finals(results) == [("multi_label", 0.001, 2)], "one search is not over: the best is not known"
    # One reference, two trials of the search of 4, a final of the first method and of one more, 8 each.
    assert order.missing(study, core, results) == 2 * 4 + 2 * 8
    results.update(search(study, core.methods[3], {0.001: 0.1, 0.002: None}))
    assert finals(results) == [("multi_label", 0.001, 2), ("inverse", 0.002, 2)]
    assert order.missing(study, core, results) == 2 * 8


def test_a_finalist_whose_search_diverged_is_none(tmp_path):
    study = reading.load(made_up.folder(tmp_path, FINALISTS))
    core = study.experiments[0]
    results = {}
    for method in core.methods:
        results.update(search(study, method, {0.001: None, 0.002: None}))
    assert order.finalists(study, core, results) == {} and order.missing(study, core, results) == 0


def test_an_experiments_own_drop_is_in_the_names_and_settings_of_its_finals(tmp_path):
    text = made_up.TEXT.replace("question: Does it help?", "drop: 0.5")
    study = reading.load(made_up.folder(tmp_path, text))
    core, other = study.experiments
    assert (study.drop_of(core.drop), study.drop_of(other.drop)) == (0.5, 0.8)
    results = search(study, core.methods[0], {0.0005: 0.1, 0.001: 0.3, 0.002: 0.2})
    searched, *_, last = [t for t in order.trials(study, core, results) if t.method == core.methods[0]]
    assert (searched.name, made_up.trial.settings(study, searched)["drop"]) == (
        "whole_search_multi_label_0.0005_4_1", 0.8,
    )  # fmt: skip
    assert last.name == "whole_final_multi_label_0.001_8-drop0.5_2"
    assert made_up.trial.settings(study, last)["drop"] == 0.5


def test_of_a_search_for_finalists_the_best_alone_have_a_second_seed(tmp_path):
    text = FINALISTS.replace("{scheme: ones, name: other}", "{scheme: ones, name: other}, {scheme: proportion}")
    study = reading.load(made_up.folder(tmp_path, text.replace("extensions: 0", "extensions: 0, again: 1")))
    core, results = study.experiments[0], {}

    def searches():
        known = order.trials(study, core, results)
        return [(t.method.name, t.seed) for t in known if t.purpose == order.SEARCH and t.name not in results]

    for method, value in zip(core.methods[:4], (0.2, 0.3, 0.4, 0.1)):
        results.update(search(study, method, {0.001: value, 0.002: 0.05}))
    assert searches() == [("proportion", 1)] * 2, "no second seed while a method has not had its first"
    results.update(search(study, core.methods[4], {0.001: 0.15, 0.002: 0.05}))
    # Of one finalist, two: multi_weight and inverse; and the first method, to compare with.
    assert searches() == [("multi_label", 2), ("multi_weight", 2), ("inverse", 2)]
    assert order.finalists(study, core, results) == {}
    for method, value in ((core.methods[0], 0.2), (core.methods[1], 0.5), (core.methods[2], 0.3)):
        planned_trial = order.Trial(order.SEARCH, "whole", method, 0.001, 2, 4)
        results[planned_trial.name] = made_up.result(study, planned_trial, value)
    assert searches() == [] and order.finalists(study, core, results) == {"multi_label": 0.001, "multi_weight": 0.001}
    assert order.missing(study, core, results) == 2 * 8
