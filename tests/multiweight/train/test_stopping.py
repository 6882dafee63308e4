"""A training that is stopped or killed at any iteration, and goes on: it ends as if nothing had happened."""

import re
import signal
import subprocess
import time

import lmdb_run
import pytest

import caffe_torch as caffe
from multiweight.base import processes
from multiweight.base.errors import run_tool
from multiweight.train import snapshots, training

LAST = 11


class Killed(Exception):
    """In place of kill -9: nothing of the training's own runs after it."""


def at_iteration(monkeypatch, iteration, action):
    """Call ``action`` after the iteration, before the training looks whether it is to save or stop."""
    late = snapshots.Snapshots.late

    def looked(self):
        if self._solver.iter == iteration:
            action()
        return late(self)

    monkeypatch.setattr(snapshots.Snapshots, "late", looked)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    run = lmdb_run.make(tmp_path_factory.mktemp("whole"), LAST, display=4, snapshot=5)
    assert training.train(caffe, run)
    return lmdb_run.outcome(run, LAST)


@pytest.mark.parametrize("iteration", range(1, LAST))
def test_a_stop_saves_and_the_same_command_ends_as_uninterrupted(tmp_path, monkeypatch, iteration, uninterrupted):
    run = lmdb_run.make(tmp_path, LAST, display=4, snapshot=5)
    number = signal.SIGTERM if iteration % 2 else signal.SIGINT
    with monkeypatch.context() as patch:
        at_iteration(patch, iteration, lambda: signal.raise_signal(number))
        with pytest.raises(training.Stopped, match=f"saved at iteration {iteration}: the same command goes on"):
            training.train(caffe, run)
    assert run.last_snapshot() == iteration and not run.training.exists()
    assert training.train(caffe, run)
    assert lmdb_run.outcome(run, LAST) == uninterrupted
    assert iterations(run) == [5, 10, LAST]


def test_a_signal_that_make_or_timeout_hands_on_is_the_same_request(tmp_path, monkeypatch):
    """They send it to the training too, which has had it already as one of their group."""
    run = lmdb_run.make(tmp_path, LAST, display=4, snapshot=5)

    def twice():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    at_iteration(monkeypatch, 3, twice)
    with pytest.raises(training.Stopped, match="saved at iteration 3"):
        training.train(caffe, run)
    assert run.last_snapshot() == 3


@pytest.mark.parametrize("iteration", [2, 6, 7, 8, 9, 10])
def test_a_killed_training_ends_as_uninterrupted(tmp_path, monkeypatch, iteration, uninterrupted):
    run = lmdb_run.make(tmp_path, LAST, display=4, snapshot=5)

    def kill():
        raise Killed

    with monkeypatch.context() as patch:
        at_iteration(patch, iteration, kill)
        with pytest.raises(Killed):
            training.train(caffe, run)
    if iteration == 8:  # in the middle of a row
        run.log.write_text(run.log.read_text().rstrip("\n")[:-20])
    assert training.train(caffe, run)
    assert lmdb_run.outcome(run, LAST) == uninterrupted


def test_snapshots_by_time_and_of_those_the_newest_alone_is_kept(tmp_path, monkeypatch, uninterrupted):
    run = lmdb_run.make(tmp_path, LAST, display=4, snapshot=5)

    def kill():
        assert iterations(run) == [5, 7]
        raise Killed

    with monkeypatch.context() as patch:
        at_iteration(patch, 8, kill)
        with pytest.raises(Killed):
            training.train(caffe, run, every=0)
    assert training.train(caffe, run)
    assert lmdb_run.outcome(run, LAST) == uninterrupted and iterations(run) == [5, 10, LAST]


def test_a_stop_is_a_line_and_status_130(capsys):
    def stopped():
        raise training.Stopped("multi_task: stopped, and saved at iteration 3")

    with pytest.raises(SystemExit) as ended:
        run_tool(stopped)
    assert ended.value.code == 130 and capsys.readouterr().err == "multi_task: stopped, and saved at iteration 3\n"


def test_the_command_saves_at_a_signal_and_ends_at_once_at_a_second(tmp_path):
    run = lmdb_run.make(tmp_path, 10**7, display=10**6, snapshot=10**7)
    arguments = ("train", "--dataset", "d", "--runs", str(tmp_path), "--variant", "multi_task", "--gpu", "none")

    def start():
        with open(tmp_path / "said", "w") as output:
            started = subprocess.Popen(
                processes.step(*arguments),
                env={**processes.environment(), "ENGINE": "torch"},
                stdout=output,
                stderr=output,
            )
        run.log.unlink(missing_ok=True)
        for _ in range(600):
            if run.log.exists():
                break
            time.sleep(0.1)
        time.sleep(0.3)
        return started

    first = start()
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 130
    saved = re.search(r"saved at iteration (\d+): the same command goes on", (tmp_path / "said").read_text())
    assert saved and run.last_snapshot() == int(saved[1])
    # The first is not taken up while a snapshot lasts: the process is stopped in between.
    second = start()
    second.send_signal(signal.SIGSTOP)
    second.send_signal(signal.SIGTERM)
    second.send_signal(signal.SIGINT)
    second.send_signal(signal.SIGCONT)
    assert second.wait(60) in (-signal.SIGINT, -signal.SIGTERM)


def iterations(run):
    return sorted(int(path.stem.rpartition("_")[2]) for path in run.snapshots.glob("*.solverstate"))
