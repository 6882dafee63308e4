"""Write the report of a dataset: tables, figures and a check that training was worth it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.report import gallery, report, results
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset")
    p.add_argument("--subset", action="append", default=[], help="a dataset of two groups, for Tables IV and V in turn")
    run_file.flags(p, "report")
    p.add_argument("--query", action="append", default=[], metavar="KEY", help="gallery: this test image; repeatable")
    p.add_argument(
        "--check",
        action="store_true",
        help="exit status 1 unless every trained method's mean mAP beats the untrained net and a random ranking",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    settings = run_file.settings(args, "report")
    if args.query and not settings.gallery:
        raise UserError("--query shows images in the gallery, and --gallery 0 leaves it out: give one of them")
    subsets = [Dataset(name, args.runs) for name in args.subset]
    outcome = report.write(Dataset(args.dataset, args.runs), subsets, settings, gallery.engine_of(), args.query)
    for r in outcome.evaluated:
        print(f"{r.name:20} mean mAP {results.percent(r.mean):>6}")
    told = "check failed" if args.check else "note"
    if outcome.missing:
        absent = " and ".join(outcome.missing)
        print(f"{told}: nothing to compare with: {absent} not evaluated", file=sys.stderr)
    for problem in outcome.problems:
        print(f"{told}: {problem}", file=sys.stderr)
    print(f"the report lies in {outcome.folder / 'report.md'} and {outcome.folder / 'report.html'}")
    return 1 if args.check and outcome.verdict != "passed" else 0
