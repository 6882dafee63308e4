"""A result keeps all that decides its trial, and is refused once the study's file asks for something else."""

import made_up
import pytest

from multiweight.base.errors import UserError
from multiweight.study import order, reading, report, trial


@pytest.fixture
def study(tmp_path):
    """A study of which every trial has run, its results as trial.run leaves them."""
    study = reading.load(made_up.folder(tmp_path))
    made_up.run_all(study, lambda _: 0.4)
    return study


def changed(study, old, new):
    text = made_up.TEXT.replace(old, new)
    assert text != made_up.TEXT
    return reading.load(made_up.folder(study.folder, text))


def test_a_result_of_the_same_settings_is_taken(study):
    assert len(trial.results(study)) == len(trial.results(reading.load(study.folder)))
    same = changed(study, "batch_size: 4", "batch_size: 4, mirror: true, dropout: 0.5, crop: 56")
    assert report.render(same)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("width: 0.05", "width: 0.1", "net width 0.05, and .*asks for 0.1"),
        ("batch_size: 4", "batch_size: 8", "net batch_size 4, and .*asks for 8"),
        ("batch_size: 4", "batch_size: 4, mirror: false", "net mirror True, and .*asks for False"),
        ("dataset: shop", "dataset: store", "dataset 'shop'"),
        ("size: 64", "size: 72", "size 64, and"),
        ("points: 2", "points: 4", r"points \[4, 8\], and .*asks for \[2, 4, 6, 8\]"),
        ("points: 2", "points: 2\ndrop: 0.5", "drop 0.8, and .*asks for 0.5"),
        ("iterations: 4,", "iterations: 4, seed: 1, ", None),
        ("{scheme: proportion,", "{name: proportion-rescaled, scheme: inverse,", "scheme 'proportion', .*'inverse'"),
        ("{scheme: proportion,", "{name: proportion-rescaled, scheme: smoothed,", "scheme 'proportion'"),
    ],
)
def test_a_result_of_other_settings_is_refused(study, old, new, words):
    now = changed(study, old, new)
    if words is None:
        assert report.render(now)
        return
    for ask in (trial.results, report.render):
        with pytest.raises(UserError, match=r"results/trials\.csv: whole_.*: made with " + words):
            ask(now)


def test_results_in_a_file_each_are_of_an_older_design(study):
    (trial.folder(study) / "whole_final_x.json").write_text("{}")
    with pytest.raises(UserError, match="whole_final_x.json: a result of an older design"):
        report.render(study)


def test_the_weights_in_a_csv_decide_a_trial(tmp_path):
    csv = tmp_path / "mine.csv"
    csv.write_text("group,gamma\nColour,1\nCoat,2\n")
    text = made_up.TEXT.replace("{scheme: proportion, rescale: true}", f"{{scheme: {csv}}}")
    study = reading.load(made_up.folder(tmp_path, text))
    planned_trial = order.final(study, study.experiments[1], study.experiments[1].methods[1], 0.002, 1)
    made_up.write(study, planned_trial)
    assert planned_trial.name in trial.results(study)
    csv.write_text("group,gamma\nColour,1\nCoat,3\n")
    with pytest.raises(UserError, match="made with scheme_sha256"):
        trial.results(study)


def test_a_shop_and_a_subset_are_part_of_it(tmp_path):
    text = made_up.TEXT.replace("question: Does it help?", "shops: {wrong: [0, 0.3]}")
    text = text.replace("rate: 0.002\n", "rate: 0.002\n    subset: {large: Colour, small: Coat}\n")
    study = reading.load(made_up.folder(tmp_path, text))
    shop, _, pair = (next(order.trials(study, experiment, {})) for experiment in study.experiments)
    assert trial.settings(study, shop)["shop"]["wrong"] == 0
    assert trial.settings(study, pair)["subset"] == {
        "large": "Colour", "small": "Coat", "ratio": 10.0, "kind": "independent",
    }  # fmt: skip
