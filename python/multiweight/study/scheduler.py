"""Run a study's trials, several at a time, each in a process of its own; what is finished is never run again.

Not by concurrent.futures: the processes must be ended when the study is, which an executor cannot do, and the trial
that comes next depends on the results so far.
"""

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
                busy = [job.trial.name for job in running]
                waiting = [t for t in _open(study, experiments, results) if t.name not in busy]
                while waiting and len(running) < jobs:
                    running.append(_start(waiting.pop(0), command, logs, jobs))
                if not running:
                    return
                # The tables are read again only when a trial has ended: reading them takes processor time from it.
                while not (ended := [job for job in running if job.process.poll() is not None]):
                    time.sleep(_PAUSE)
                for job in ended:
                    running.remove(job)
                    job.log.close()
                    _check(study, job, logs)
                    clock.finished(job.trial, study)
                    say(clock.line(study, experiments, job.trial))
        finally:
            for job in running:
                job.process.terminate()
            for job in running:
                job.process.wait()
                job.log.close()


def _open(study: Study, experiments: tuple[Experiment, ...], results: order.Results) -> Iterator[Trial]:
    given: set[str] = set()
    for experiment in experiments:
        for planned in order.trials(study, experiment, results):
            if planned.name not in results and planned.name not in given:
                given.add(planned.name)
                yield planned


def _start(trial: Trial, command: Command, logs: Path, jobs: int) -> _Running:
    log = open(logs / f"{trial.name}.log", "ab")
    environment = {**processes.environment(), "OMP_NUM_THREADS": str(max(1, cores() // jobs))}
    return _Running(trial, subprocess.Popen(command(trial), stdout=log, stderr=log, env=environment), log)


def _check(study: Study, job: _Running, logs: Path) -> None:
    path = logs / f"{job.trial.name}.log"
    if job.process.returncode == 0 and job.trial.name in trial.results(study):
        return
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it printed nothing"
    raise UserError(
        f"{job.trial.name}: ended with status {job.process.returncode} ({last}): see {path}; mend it and run the study "
        "again, which goes on where it stopped"
    )


class _Clock:
    """How long what is left will take, by the pace of the trials finished in this call."""

    def __init__(self, jobs: int):
        self.jobs, self.seconds, self.iterations, self.begun = jobs, 0.0, 0, time.monotonic()

    def finished(self, trial: Trial, study: Study) -> None:
        self.iterations += trial.iterations
        self.seconds = time.monotonic() - self.begun

    def line(self, study: Study, experiments: tuple[Experiment, ...], finished_trial: Trial) -> str:
        results = trial.results(study)
        result = results[finished_trial.name]
        what = f"diverged at iteration {result.get('iteration')}"
        if result["status"] == "done":
            what = "measured" if finished_trial.method is None else f"mean mAP {100 * order.score(result):.2f}"
        missing = [order.missing(study, experiment, results) for experiment in experiments]
        told = ""
        if self.iterations:
            for experiment, iterations in zip(experiments, missing):
                if iterations:
                    minutes = self.seconds / self.iterations * iterations / 60
                    told = f"; {experiment.name}: about {minutes:.0f} min left"
                    break
        return f"{finished_trial.name.replace('_', ' ', 2)}: {what}{told}"


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
