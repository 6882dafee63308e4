"""An experiment over drawn shops: its table and its figure."""

import made_up
import pytest

from multiweight.base.errors import UserError
from multiweight.study import grid, order, reading, report, table, trial

TEXT = made_up.TEXT.replace("question: Does it help?", "shops: {wrong: [0, 0.3], tail: [0.5, 1]}")


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path, TEXT))


def mean(planned_trial):
    """multi-weight gains 10 points where there is noise, and nothing elsewhere."""
    gain = (
        planned_trial.method is not None
        and planned_trial.method.name == "multi_weight"
        and "wrong0.3" in planned_trial.data
    )
    return 0.4 + 0.1 * gain


def test_each_shop_has_a_row_with_the_gain(study):
    made_up.run_all(study, mean)
    result = grid.read(study, "core", trial.results(study))
    assert result.dials == ("wrong", "tail") and result.values(0) == [0, 0.3] and result.values(1) == [0.5, 1]
    table = grid.table(study, result)
    assert [row[:2] for row in table.rows] == [["0", "0.5"], ["0", "1"], ["0.3", "0.5"], ["0.3", "1"]]
    assert table.header[:4] == [
        "wrong labels (share)", "imbalance (power of the groups' shares)", "multi-label", "multi-weight",
    ]  # fmt: skip
    # The made-up scores do not depend on the rate, so the search ends at the lowest one it may try.
    assert table.rows[0][2:5] == ["40.00 (0.0005)", "40.00 (0.0005)", "+0.00"]
    assert table.rows[2][2:5] == ["40.00 (0.0005)", "50.00 (0.0005)", "**+10.00**"]
    assert table.rows[2][5] == "+10.00 to +10.00" and table.rows[2][6] == "15.00"


def test_the_report_has_one_section_and_one_figure_for_all_shops(study):
    made_up.run_all(study, mean)
    text = report.write(study).read_text(encoding="utf-8")
    assert text.count("## core") == 1 and "(core_gains.png)" in text and "## one-rate" in text
    assert (study.folder / "core_gains.png").stat().st_size > 5000
    assert not list(study.folder.glob("core-wrong*.png"))
    assert "Drawn shops: products 1600, seed 1, missing 0.1, size 192; 8 to 8 images to train" in text
    # The search of each shop's rates: the best is bold.
    assert "shop-wrong0.3:\n\n| method | 0.0005 | 0.001 |" in text and "| multi-weight | **50.00** |" in text


def test_what_has_not_run_is_a_dash(study):
    made_up.run_all(study, mean)
    last = [experiment for experiment in study.experiments if experiment.family][-1]
    for planned_trial in order.trials(study, last, trial.results(study)):
        table.remove(trial.folder(study), planned_trial.name)
    text = report.write(study).read_text(encoding="utf-8")
    assert "| 0.3 | 1 | – | – | – | – | – |" in text and "Not finished: 48 iterations are left." in text


def test_one_dial_and_one_shop(tmp_path):
    for number, shops in enumerate(("{wrong: [0, 0.3]}", "{wrong: 0.3}")):
        text = TEXT.replace("{wrong: [0, 0.3], tail: [0.5, 1]}", shops)
        study = reading.load(made_up.folder(tmp_path / str(number), text))
        made_up.run_all(study, mean)
        assert "| **+10.00** |" in report.write(study).read_text(encoding="utf-8")


def test_several_shops_at_a_position_give_intervals_over_shops(tmp_path):
    text = TEXT.replace("{wrong: [0, 0.3], tail: [0.5, 1]}", "{wrong: [0, 0.3], seed: [1, 2, 3]}")
    study = reading.load(made_up.folder(tmp_path, text))
    # With noise, multi-weight gains 6, 8 and 10 points in the three shops: t of 2 degrees at 97.5% is 4.3027, and the
    # error of the mean 2 / sqrt(3), so the interval is 8 +- 4.97.
    gains = {"shop-wrong0.3": 0.06, "shop-seed2-wrong0.3": 0.08, "shop-seed3-wrong0.3": 0.1}

    def mean(planned_trial):
        gained = planned_trial.method is not None and planned_trial.method.name == "multi_weight"
        return 0.4 + gained * gains.get(planned_trial.data, 0)

    made_up.run_all(study, mean)
    results = trial.results(study)
    searches = {
        trial_result["settings"]["data"]
        for trial_result in results.values()
        if trial_result["settings"]["purpose"] == order.SEARCH
    }
    assert searches == {"shop-wrong0", "shop-wrong0.3"}  # the first shop's serves all of a position
    rows = grid.table(study, grid.read(study, "core", results)).rows
    assert [row[:2] for row in rows] == [["0", "3"], ["0.3", "3"]]
    assert rows[1][3:6] == ["48.00 (0.0005)", "**+8.00**", "+3.03 to +12.97"]
    page = report.write(study).read_text(encoding="utf-8")
    assert "Drawn shops, 3 at each position: products 1600, missing 0.1" in page and "over shops" in page
    # A shop that is not there yet leaves two.
    last = next(experiment for experiment in study.experiments if experiment.name == "core-wrong0.3-seed3")
    for wanted_trial in order.trials(study, last, results):
        if wanted_trial.data == "shop-seed3-wrong0.3":
            table.remove(trial.folder(study), wanted_trial.name)
    rows = grid.table(study, grid.read(study, "core", trial.results(study))).rows
    assert rows[1][:2] == ["0.3", "2"] and rows[1][4] == "+7.00"


def test_positions_of_other_lengths_share_one_table(tmp_path):
    first = "    shops: {wrong: [0, 0.3], tail: [0]}\n    methods: [multi_label, multi_weight]\n"
    text = made_up.TEXT.replace("    question: Does it help?\n    methods: [multi_label, multi_weight]\n", first)
    second = "  - name: core\n" + first.replace("tail: [0]", "tail: [1]")
    second += "    lengths: {multi_label: 16, multi_weight: 16}\n    drop: 0.5\n"
    study = reading.load(made_up.folder(tmp_path, text + second))
    made_up.run_all(study, mean)
    result = grid.read(study, "core", trial.results(study))
    made = grid.table(study, result)
    assert made.header[2] == "iterations"
    assert [row[:2] for row in made.rows] == [["0", "0"], ["0.3", "0"], ["0", "1"], ["0.3", "1"]]
    assert [row[2] for row in made.rows] == ["8"] * 2 + ["16 (the rate drops after 50%)"] * 2
    assert made.rows[3][5] == "**+10.00**"
    with pytest.raises(UserError, match="experiment core: stands twice, with other dials or methods"):
        reading.load(made_up.folder(tmp_path, text + second.replace("wrong: [0, 0.3]", "wrong: 0.3")))
