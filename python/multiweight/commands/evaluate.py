"""Score the retrieval of test images by their features: mAP@50 for each group, to evaluation.json and retrieval.h5."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from multiweight.base import done, engine, flags
from multiweight.base.done import outcome
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.evaluate import evaluation
from multiweight.paper import methods
from multiweight.paper.methods import RANDOM, UNTRAINED, in_order
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset")
    p.add_argument(
        "--variant", action="append", type=methods.spelled, help="a run with features.h5; may be given several times"
    )
    p.add_argument("--all", action="store_true", help="every run of the dataset that has features.h5")
    p.add_argument("--random", action="store_true", help="a random ranking, as variant random")
    run_file.flags(p, "evaluate")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    variants = [*(args.variant or []), *([RANDOM] if args.random else [])]
    dataset = Dataset(args.dataset, args.runs)
    if args.all:
        extracted = [v for v in in_order({*dataset.variants(), UNTRAINED}) if dataset.run(v).features.exists()]
        variants = [*dict.fromkeys(v for v in extracted if v not in variants), *variants]
    if not variants:
        raise UserError("give --variant, --all or --random")
    settings = run_file.settings(args, "evaluate")
    # Under torchrun every process searches its part, and one of them talks.
    first = engine.process() == 0
    for variant in variants:
        run = dataset.run(variant)
        worked = evaluation.evaluate(run, settings, show=first)
        if first:
            print(f"{variant}: {outcome('evaluated', worked)} {run.evaluation}")
            show(run)
    return 0


def show(run: Run) -> None:
    result = done.read(run.evaluation)
    width = max(len(name) for name in result["groups"])
    print(f"{run.variant}: mAP@{result['k']} in percent ({result['metric']}, denominator {result['denominator']})")
    for name, values in result["groups"].items():
        figure = "no queries" if values["map"] is None else f"{100 * values['map']:6.2f}  {values['queries']} queries"
        print(f"  {name:{width}}  {values['proportion']:.4f}  {figure}")
    mean, ends = result["mean_map"], result["mean_interval"]
    known = "" if ends is None else f"  95% {100 * ends[0]:.2f} to {100 * ends[1]:.2f}"
    print(f"  {'mean':{width}}  {'':6}  {'-' if mean is None else f'{100 * mean:6.2f}{known}'}")
    half = result.get("float16")
    if half and half["difference"] is not None:
        print(f"  stored as float16 the mean is {100 * half['mean_map']:.4f}: {100 * half['difference']:+.4f}")
    for name, values in (result.get("recognition") or {}).items():
        shown = {n: "-" if values[n] is None else f"{100 * values[n]:.2f}" for n in ("map", "micro_f1", "macro_f1")}
        tops = "".join(f"  top-{k} {100 * v:.2f}" for k, v in values["top"].items() if v is not None)
        print(
            f"  {name:{width}}  recognition: mAP {shown['map']}, F1 micro {shown['micro_f1']} "
            f"macro {shown['macro_f1']}{tops}"
        )
    zero = result["features"].get("zero_features")
    if zero:
        keys = ", ".join(result["features"]["zero_keys"])
        print(f"{run.variant}: warning: {zero} image(s) have features of zeros alone: {keys}", file=sys.stderr)
