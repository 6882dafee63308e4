"""One study in several processes, each under RUNS of its own: the study once, a trial once, other trials beside it."""

import subprocess
import sys

import made_up
import pytest

from multiweight.base import processes
from multiweight.base.errors import UserError
from multiweight.commands import run_study
from multiweight.study import parts, reading, table, trial

# Ends where the data would be looked at, until stdin is closed.
WAITING = """
import sys
from multiweight.base.errors import UserError
from multiweight.commands import run_study
from multiweight.study import parts

def wait(*given):
    print("begun", flush=True)
    sys.stdin.read()
    raise UserError("ended")

parts.make = parts.dataset = wait
try:
    run_study.main(sys.argv[1:])
except UserError as error:
    print(error, flush=True)
"""


@pytest.fixture
def study(tmp_path):
    return reading.load(made_up.folder(tmp_path / "study"))


@pytest.fixture
def begin(study, tmp_path):
    """Starts the study, or a trial of it, in a process under runs of its own; returns what it printed first."""
    running = []

    def start(runs, *more):
        begun = subprocess.Popen(
            [sys.executable, "-c", WAITING, *arguments(study, tmp_path / runs), *more], env=processes.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(begun)
        return begun, begun.stdout.readline().strip()

    yield start
    for process in running:
        process.communicate(timeout=60)


def arguments(study, runs):
    return [str(study.folder), "--runs", str(runs), "--engine", "torch", "--gpu", "none"]


def test_a_study_runs_once_whatever_its_runs(study, begin, tmp_path):
    process, output = begin("a")
    assert output == "begun"
    message = rf"{trial.folder(study)}: in use by process {process.pid} \(run-study, since"
    with pytest.raises(UserError, match=message):
        run_study.main(arguments(study, tmp_path / "b"))
    process.communicate(timeout=60)
    with pytest.raises(UserError, match="give --data"):  # what it lacks once nobody holds the study
        run_study.main(arguments(study, tmp_path / "b"))


def test_trials_run_side_by_side_and_the_same_one_once(study, begin, tmp_path):
    names = [f"whole_untrained_alexnet_{seed}" for seed in (1, 2)]
    whole_study, output = begin("whole")
    first, second = (begin(name, "--trial", name) for name in names)
    assert [output, first[1], second[1]] == ["begun"] * 3
    message = rf"in use by process {first[0].pid} \(run-study --trial {names[0]}, since"
    with pytest.raises(UserError, match=message):
        run_study.main([*arguments(study, tmp_path / "other"), "--trial", names[0]])
    assert sorted(path.name for path in trial.folder(study).iterdir()) == [
        ".in_use", *(f".in_use_{name}" for name in names)
    ]  # fmt: skip
    assert table.read(trial.folder(study)) == {} and parts.name(study.experiments[0]) == "whole"
