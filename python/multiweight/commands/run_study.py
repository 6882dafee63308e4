"""Run a study: methods by seeds on one dataset, each at its own best rate; stopped and started again it goes on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import engine, flags, lock, make_variables, processes
from multiweight.base.errors import UserError
from multiweight.study import design, order, parts, reading, scheduler, trial
from multiweight.study.design import Study
from multiweight.study.order import Trial


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("study", type=Path, help=f"folder that holds {design.FILE}; results are written beside it")
    flags.runs(p)
    p.add_argument("--data", type=Path, help="folder to import the dataset from, where it is not packed yet")
    p.add_argument("--only", action="append", help="an experiment by name; may be given several times (default: all)")
    p.add_argument("--jobs", type=int, default=1, help="trials at a time, each with its share of the cores")
    flags.gpu(p)
    flags.engine(p)
    p.add_argument("--list", action="store_true", help="print every trial known so far and its result, and run nothing")
    p.add_argument("--trial", help="run this one trial, by its name in --list, and no other")
    return p


@lock.scope
def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    study = reading.load(args.study)
    names = list(
        dict.fromkeys(name for selected in study.experiments for name in (selected.family, selected.name) if name)
    )
    for name in args.only or []:
        if name not in names:
            raise UserError(f"{args.study}: experiment {name!r} is unknown: it has {', '.join(names)}")
    experiments = tuple(
        selected for selected in study.experiments if not args.only or {selected.name, selected.family} & set(args.only)
    )
    if args.jobs < 1:
        raise UserError(f"{make_variables.named('JOBS', args.jobs)}: expected 1 or more")
    if args.list:
        show(study)
        return 0
    if args.trial:
        selected = find(study, args.trial)
        caffe = engine.select(args.engine)
        device = engine.use_device(caffe, args.gpu)
        trial.run(study, selected, args.runs, caffe, device, show=True)
        return 0
    lock.hold(trial.folder(study), "run-study")  # whatever RUNS is; its trials are processes with locks of their own
    for line in parts.make(study, experiments, args.runs, args.data):
        print(line, flush=True)

    def command(selected: Trial) -> list[str]:
        more = [f"--{name}={value}" for name in ("gpu", "engine") if (value := getattr(args, name)) is not None]
        return processes.step("run_study", str(args.study), "--runs", args.runs, "--trial", selected.name, *more)

    logs = Path(args.runs) / f"{study.dataset}-logs"
    scheduler.run(study, experiments, command, logs, args.jobs, lambda line: print(line, flush=True))
    print(f"{args.study}: every trial has run; results in {trial.folder(study)}")
    return 0


def find(study: Study, name: str) -> Trial:
    results = trial.results(study)
    known = {
        trial_named.name: trial_named for e in study.experiments for trial_named in order.trials(study, e, results)
    }
    if name not in known:
        raise UserError(f"{study.folder}: no trial {name!r} now: --list prints them")
    return known[name]


def show(study: Study) -> None:
    results = trial.results(study)
    for experiment in study.experiments:
        left = order.missing(study, experiment, results)
        print(f"{experiment.name}: {left:,} iterations left")
        for planned in order.trials(study, experiment, results):
            result = results.get(planned.name)
            what = "to be run"
            if result is not None:
                what = f"diverged at {result['iteration']}" if result["status"] == "diverged" else "measured"
                if result["points"]:
                    what = f"{100 * order.score(result):.2f}"
            print(f"  {planned.name}  {what}")
