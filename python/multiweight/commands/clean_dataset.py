"""Clean an imported dataset: contradicting labels, records without a label, photos that are no product; with a list.

Writes records_cleaned.csv, which the next steps take; cleaned.csv says what was left out or taken away, and why.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.base.done import outcome
from multiweight.base.paths import Dataset
from multiweight.prepare import cleaning
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the imported dataset")
    run_file.flags(p, "clean")
    p.add_argument("--overwrite", action="store_true", help="clean again with other settings")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    print(f"clean {dataset.records}")
    result, done = cleaning.clean_dataset(dataset, run_file.settings(args, "clean"), args.overwrite)
    print(f"{outcome('cleaned', done)} {result['kept']} of {result['records']} records kept")
    for reason, count in result["left_out"].items():
        print(f"  left out, {reason}: {count}")
    for group, count in result["labels_taken"].items():
        print(f"  contradicting labels taken away, {group}: {count} images")
    if result["unreadable"]:
        print(f"  photos that cannot be read, left for the packing to list: {result['unreadable']}")
    return 0
