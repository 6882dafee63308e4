"""Run a study's trials, several at a time, each in a process of its own; what is finished is never run again."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from multiweight.base import lock, processes
from multiweight.base.cpu import cores
from multiweight.base.errors import UserError
from multiweight.study import order, trial
from multiweight.study.design import Experiment, Study
from multiweight.study.order import Trial

Command = Callable[[Trial], list[str]]
_PAUSE = 0.5


@dataclass
class _Running:
    trial: Trial
    process: subprocess.Popen[bytes]
    log: IO[bytes]


@lock.scope
def run(
    study: Study,
    experiments: tuple[Experiment, ...],
    command: Command,
    logs: Path,
    jobs: int,
    say: Callable[[str], Any] = print,
) -> None:
    """Run every trial of ``experiments`` that has no result, ``jobs`` at a time, in the order of the file.

    ``command`` gives the program of a trial; what it prints goes to a file in ``logs``. Each gets its share of the
    cores as threads. UserError where a trial fails: the others are ended, and the next call goes on from their last
    snapshots.
    """
    logs.mkdir(parents=True, exist_ok=True)
    lock.hold(logs, "run-study")
    clock = _Clock(jobs)
    running: list[_Running] = []
    with _ended_by_sigterm():
        try:
            while True:
                results = trial.results(study)
                busy = [one.trial.name for one in running]
                waiting = [t for t in _open(study, experiments, results) if t.name not in busy]
                while waiting and len(running) < jobs:
                    running.append(_start(waiting.pop(0), command, logs, jobs))
                if not running:
                    return
                time.sleep(_PAUSE)
                for one in [one for one in running if one.process.poll() is not None]:
                    running.remove(one)
                    one.log.close()
                    _check(study, one, logs)
                    clock.finished(one.trial, study)
                    say(clock.line(study, experiments, one.trial))
        finally:
            for one in running:
                one.process.terminate()
            for one in running:
                one.process.wait()
                one.log.close()


def _open(study: Study, experiments: tuple[Experiment, ...], results: order.Results) -> Iterator[Trial]:
    given: set[str] = set()
    for experiment in experiments:
        for one in order.trials(study, experiment, results):
            if one.name not in results and one.name not in given:
                given.add(one.name)
                yield one


def _start(one: Trial, command: Command, logs: Path, jobs: int) -> _Running:
    log = open(logs / f"{one.name}.log", "ab")
    environment = {**processes.environment(), "OMP_NUM_THREADS": str(max(1, cores() // jobs))}
    return _Running(one, subprocess.Popen(command(one), stdout=log, stderr=log, env=environment), log)


def _check(study: Study, one: _Running, logs: Path) -> None:
    path = logs / f"{one.trial.name}.log"
    if one.process.returncode == 0 and one.trial.name in trial.results(study):
        return
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it printed nothing"
    raise UserError(
        f"{one.trial.name}: ended with status {one.process.returncode} ({last}): see {path}; mend it and run the study "
        "again, which goes on where it stopped"
    )


class _Clock:
    """How long what is left will take, by the pace of the trials finished in this call."""

    def __init__(self, jobs: int):
        self.jobs, self.seconds, self.iterations, self.begun = jobs, 0.0, 0, time.monotonic()

    def finished(self, one: Trial, study: Study) -> None:
        self.iterations += one.iterations
        self.seconds = time.monotonic() - self.begun

    def line(self, study: Study, experiments: tuple[Experiment, ...], one: Trial) -> str:
        results = trial.results(study)
        found = results[one.name]
        what = f"diverged at iteration {found.get('iteration')}"
        if found["status"] == "done":
            what = "measured" if one.method is None else f"mean mAP {100 * order.score(found):.2f}"
        missing = [order.missing(study, experiment, results) for experiment in experiments]
        told = ""
        if self.iterations:
            for experiment, iterations in zip(experiments, missing):
                if iterations:
                    minutes = self.seconds / self.iterations * iterations / 60
                    told = f"; {experiment.name}: about {minutes:.0f} min left"
                    break
        return f"{one.name.replace('_', ' ', 2)}: {what}{told}"


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the trials too: it becomes an exit that passes through ``finally``."""

    def leave(number: int, frame: Any) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
