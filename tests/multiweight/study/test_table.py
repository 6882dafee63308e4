"""Results as CSV: what is put in comes out, damage is named with its line, processes write one after another."""

import subprocess
import sys

import made_up
import pytest

from multiweight.base.errors import UserError
from multiweight.study import order, reading, table, trial


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path))


def final(study, seed=1):
    return order.final(study, study.experiments[0], study.experiments[0].methods[0], 0.001, seed)


def test_a_final_trial_comes_out_as_it_was(study):
    final_trial = final(study)
    made_up.write(study, final_trial, [0.31, 0.295], mean=0.3)
    result = table.read(trial.folder(study))[final_trial.name]
    assert result["points"] == [{"iteration": 4, "mean_map": 0.15}, {"iteration": 8, "mean_map": 0.3}]
    assert result["groups"] == {"Colour": 0.35, "Coat": 0.25} and result["queries"] == {"Colour": 3, "Coat": 2}
    assert result["recognition"] == {"Colour": 0.3, "Coat": None} and result["mean_recognition"] == 0.3
    assert result["resamples"] == {"mean": pytest.approx([0.31, 0.295])}
    assert result["proportions"] == {"Colour": 1, "Coat": 0.25} and result["gamma"] == {"Colour": 1, "Coat": 0.25}
    assert result["settings"] == trial.settings(study, final_trial) and result["images"] == {"train": 8, "test": 3}


def test_a_diverged_trial_has_its_iteration_and_no_groups(study):
    made_up.write(study, final(study), status="diverged")
    result = table.read(trial.folder(study))[final(study).name]
    assert (result["status"], result["iteration"], result["points"]) == ("diverged", 3, []) and "groups" not in result


def test_the_same_trial_again_takes_the_place_of_its_rows(study):
    for value in (0.3, 0.4):
        made_up.write(study, final(study), [value], mean=value)
    made_up.write(study, final(study, 2), [0.2], mean=0.2)
    result = table.read(trial.folder(study))
    assert [trial_result["points"][-1]["mean_map"] for trial_result in result.values()] == [0.4, 0.2]
    assert len((trial.folder(study) / table.GROUPS).read_text().splitlines()) == 1 + 2 * 2
    table.remove(trial.folder(study), final(study).name)
    assert list(table.read(trial.folder(study))) == [final(study, 2).name]


def test_names_that_a_spreadsheet_would_compute(study):
    names = {"=1+1": 0.3, "a, b": 0.4}
    made_up.write(study, final(study), groups=names, queries=dict.fromkeys(names, 1), proportions=dict(names), gamma={})
    assert "'=1+1" in (trial.folder(study) / table.GROUPS).read_text()
    assert table.read(trial.folder(study))[final(study).name]["groups"] == names


@pytest.mark.parametrize(
    "file, old, new, words",
    [
        (table.TRIALS, "trial,purpose", "name,purpose", "trials.csv:1: columns name, purpose"),
        (table.TRIALS, ",done,", ",ended,", "trials.csv:2: status 'ended': expected done or diverged"),
        (table.TRIALS, ",0.001,", ",fast,", "trials.csv:2: rate 'fast': expected a number"),
        (table.TRIALS, "4:0.150000 8:0.300000", "4:0.1x 8:0.3", "trials.csv:2: '0.1x': expected numbers"),
        (table.TRIALS, "4:0.150000 8:0.300000", "", "trials.csv:2: points: empty"),
        (table.TRIALS, '"{', '"', "trials.csv:2: settings .*: expected JSON"),
        (table.GROUPS, ",3,", ",three,", "groups.csv:2: queries 'three': expected a whole number"),
        (table.GROUPS, ",3,0.35,0.3", ",3,0.35", "groups.csv:2: 6 cells: expected 7"),
        (table.RESAMPLES, "30.00", "30.0x", "resamples.csv:2: mean_map: '30.0x': expected numbers"),
    ],
)
def test_damage_is_named(study, file, old, new, words):
    made_up.write(study, final(study), [0.3], mean=0.3)
    path = trial.folder(study) / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=words):
        table.read(trial.folder(study))


def test_rows_that_are_lost_or_stand_twice(study):
    made_up.write(study, final(study), [0.3])
    path = trial.folder(study) / table.TRIALS
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(UserError, match="trials.csv:3: trial 'whole_final.*' stands twice"):
        table.read(trial.folder(study))
    table.remove(trial.folder(study), final(study).name)
    made_up.write(study, final(study), [0.3])
    (trial.folder(study) / table.GROUPS).unlink()
    with pytest.raises(UserError, match="groups.csv: trial 'whole_final.*' of trials.csv has no row"):
        table.read(trial.folder(study))


def test_two_processes_lose_no_row(study):
    program = """
import sys
sys.path.insert(0, {here!r})
import made_up
from multiweight.study import order, reading
study = reading.load({folder!r})
for number in range(8):
    one = order.final(study, study.experiments[0], study.experiments[0].methods[0], 0.001, {first} + number)
    made_up.write(study, one, [0.3])
"""
    here = str(made_up.__file__).rpartition("/")[0]
    running = [
        subprocess.Popen([sys.executable, "-c", program.format(here=here, folder=str(study.folder), first=first)])
        for first in (0, 100)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    assert len(table.read(trial.folder(study))) == 16
