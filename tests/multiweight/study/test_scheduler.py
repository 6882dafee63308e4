"""Trials in processes of their own: side by side, once each, ended with the study."""

import subprocess
import sys
import time

import made_up
import pytest

from multiweight.base.errors import UserError
from multiweight.study import reading, scheduler, trial

WRITE = """
import sys, time, pathlib
sys.path.insert(0, {here!r})
import made_up
from multiweight.study import order, reading, trial
study = reading.load({folder!r})
one = next(t for e in study.experiments for t in order.trials(study, e, trial.results(study)) if t.name == {name!r})
with open({log!r}, "a") as file:
    file.write(one.name + "\\n")
made_up.write(study, one, mean=0.3)
"""


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path / "study"))


def writer(study, tmp_path):
    def command(trial):
        values = dict(here=str(made_up.__file__).rpartition("/")[0], folder=str(study.folder), name=trial.name,
                      log=str(tmp_path / "log"))  # fmt: skip
        return [sys.executable, "-c", WRITE.format(**values)]

    return command


def test_every_trial_runs_once_and_a_second_call_runs_none(study, tmp_path):
    output = []
    scheduler.run(study, study.experiments[:1], writer(study, tmp_path), tmp_path / "logs", 2, output.append)
    ran = (tmp_path / "log").read_text().split()
    # Three references, the search with one more rate below for each method, and two seeds of two methods.
    assert len(ran) == len(set(ran)) == 3 + 2 * 3 + 4
    assert len(output) == len(ran) and "mean mAP 30.00" in output[-1] and any("min left" in line for line in output)
    scheduler.run(study, study.experiments[:1], writer(study, tmp_path), tmp_path / "logs", 2, output.append)
    assert len((tmp_path / "log").read_text().split()) == len(ran)


def test_a_trial_that_fails_is_named_with_its_last_line_and_its_log(study, tmp_path):
    def command(trial):
        return [sys.executable, "-c", "import sys; print('disk is full'); sys.exit(2)"]

    with pytest.raises(UserError) as error:
        scheduler.run(study, study.experiments[:1], command, tmp_path / "logs", 1, print)
    assert "whole_untrained_alexnet_1: ended with status 2 (disk is full)" in str(error.value)
    assert (tmp_path / "logs" / "whole_untrained_alexnet_1.log").read_text() == "disk is full\n"


def test_sigterm_ends_the_trials_too(study, tmp_path):
    program = f"""
import sys
from multiweight.study import reading, scheduler
study = reading.load({str(study.folder)!r})
slow = [sys.executable, "-c", "import time; open({str(tmp_path / "begun")!r}, 'w').close(); time.sleep(60)"]
from pathlib import Path
scheduler.run(study, study.experiments, lambda one: slow, Path({str(tmp_path / "logs")!r}), 1)
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    until = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(20) == 143
    result = subprocess.run(["pgrep", "-f", str(tmp_path / "begun")], capture_output=True, text=True)
    assert result.stdout == "", "no trial is left behind"
    assert trial.results(study) == {}
