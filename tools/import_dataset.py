#!/usr/bin/env python3
"""Turn a dataset's files into catalog.yaml and records.csv of a run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.datasets import importing  # noqa: E402
from multiweight.records import bad_images  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("data", help="the dataset's folder; data/README.md lists the layouts")
    p.add_argument("--dataset", required=True, help="name to import it under, a folder below --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--source", choices=sorted(importing.SOURCES), help="the layout (default: told from the files)")
    p.add_argument("--min-products", type=int, default=2, help="leave out rarer labels; a catalog.yaml is kept whole")
    share = bad_images.DEFAULT_MAX_BAD
    p.add_argument("--max-bad", type=float, default=share, help="share of images, 0 to 1, that may be left out")
    p.add_argument("--overwrite", action="store_true", help="import again over other settings")
    return p


def main() -> int:
    args = parser().parse_args()
    dataset = Dataset(args.dataset, args.runs)
    source = importing.source(args.data, args.source)
    print(f"import {args.data} ({source.NAME}: {source.LAYOUT}) -> {dataset.data}")
    found, done = importing.import_dataset(
        dataset, args.data, args.source, args.min_products, args.max_bad, args.overwrite
    )
    for note in found["notes"] if done else ():
        print(f"  {note}")
    print(
        f"{'imported' if done else 'skipped, already imported:'} {found['images']} images "
        f"of {found['products']} products, {found['labels']} labels in {found['groups']} groups; "
        f"left out {found['bad']} ({dataset.bad_images})"
    )
    return 0


if __name__ == "__main__":
    run_tool(main)
