#!/usr/bin/env python3
"""Make a dataset of two groups at a chosen ratio of images, as in Tables IV and V, from an imported one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.prepare import subsets  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the imported dataset, a folder below --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--name", required=True, help="name of the dataset to make")
    p.add_argument("--large", required=True, help="the group of many images")
    p.add_argument("--small", required=True, help="the group of few images")
    p.add_argument("--ratio", type=float, default=10.0, help="images with --large for one with --small")
    p.add_argument(
        "--kind",
        choices=subsets.KINDS,
        default="independent",
        help="independent: no image has both (Table IV); dependent: those with --small have --large too (Table V)",
    )
    p.add_argument("--seed", type=int, default=1, help="seed of the choice of products")
    p.add_argument("--overwrite", action="store_true", help="make it again over other settings")
    return p


def main() -> int:
    args = parser().parse_args()
    source, target = Dataset(args.dataset, args.runs), Dataset(args.name, args.runs)
    print(f"choose from {source.records}: {args.large} to {args.small} at {args.ratio:g} to 1, {args.kind}")
    found, done = subsets.make(source, target, args.large, args.small, args.ratio, args.kind, args.seed, args.overwrite)
    counts = ", ".join(f"{group} {count}" for group, count in found["group_images"].items())
    what = "wrote" if done else "skipped, already made:"
    print(f"{what} {target.data}: {found['images']} images of {found['products']} products; images with {counts}")
    return 0


if __name__ == "__main__":
    run_tool(main)
