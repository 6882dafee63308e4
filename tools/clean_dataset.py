#!/usr/bin/env python3
"""Clean an imported dataset: contradicting labels, records without a label, photos that are no product; with a list.

What the import wrote is kept as records_imported.csv; cleaned.csv says what was left out or taken away, and why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.prepare import cleaning  # noqa: E402

DEFAULTS = cleaning.DEFAULTS


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the imported dataset, a folder below --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument(
        "--exclusive",
        type=float,
        default=DEFAULTS.exclusive,
        help="share of a group's images with one label alone from which two contradict each other",
    )
    p.add_argument(
        "--repeats", type=int, default=DEFAULTS.repeats, help="of so many products, the same photo is a placeholder"
    )
    p.add_argument("--keep-unlabelled", action="store_true", help="keep records that carry no label")
    p.add_argument("--overwrite", action="store_true", help="clean again with other settings")
    return p


def main() -> int:
    args = parser().parse_args()
    dataset = Dataset(args.dataset, args.runs)
    print(f"clean {dataset.records}")
    settings = cleaning.Settings(args.exclusive, args.repeats, args.keep_unlabelled)
    found, done = cleaning.clean_dataset(dataset, settings, args.overwrite)
    print(f"{'cleaned' if done else 'skipped, already cleaned:'} {found['kept']} of {found['records']} records kept")
    for reason, count in found["left_out"].items():
        print(f"  left out, {reason}: {count}")
    for group, count in found["labels_taken"].items():
        print(f"  contradicting labels taken away, {group}: {count} images")
    if found["unreadable"]:
        print(f"  photos that cannot be read, left for the packing to list: {found['unreadable']}")
    return 0


if __name__ == "__main__":
    run_tool(main)
