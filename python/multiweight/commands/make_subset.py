"""Make a dataset of two groups at a chosen ratio of images, as in Tables IV and V, from an imported one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.base.done import outcome
from multiweight.base.paths import Dataset
from multiweight.prepare import subsets
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the imported dataset")
    p.add_argument("--name", required=True, help="name of the dataset to make")
    p.add_argument("--large", required=True, help="the group of many images")
    p.add_argument("--small", required=True, help="the group of few images")
    run_file.flags(p, "subset")
    p.add_argument("--overwrite", action="store_true", help="make it again over other settings")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    source, target = Dataset(args.dataset, args.runs), Dataset(args.name, args.runs)
    chosen = run_file.settings(args, "subset")
    print(f"choose from {source.used_records}: {args.large} to {args.small} at {chosen.ratio:g} to 1, {chosen.kind}")
    result, done = subsets.make(source, target, args.large, args.small, chosen, args.overwrite)
    counts = ", ".join(f"{group} {count}" for group, count in result["group_images"].items())
    size = f"{result['images']} images of {result['products']} products; images with {counts}"
    print(f"{outcome('made', done)} {target.data}: {size}")
    return 0
