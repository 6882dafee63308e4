#!/usr/bin/env python3
"""Write a contact sheet of packed images with their labels, as PNG, for a person to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base import engine  # noqa: E402
from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.pack import contact_sheet  # noqa: E402
from multiweight.prepare.split import PARTS  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the packed dataset, a folder below --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--part", choices=PARTS, default="train", help="which LMDB pair")
    p.add_argument("--key", action="append", default=[], help="an image by its key, as 00000003 (may be repeated)")
    p.add_argument("--count", type=int, default=24, help="how many images at random, where no --key is given")
    p.add_argument("--columns", type=int, default=6, help="images a row")
    p.add_argument("--seed", type=int, default=1, help="seed of the random choice")
    p.add_argument("--out", type=Path, help="the PNG (default: <part>_sheet.png beside the LMDBs)")
    p.add_argument("--engine", choices=engine.CHOICES, help="which Caffe's schema (default: $ENGINE, else auto)")
    return p


def main() -> int:
    args = parser().parse_args()
    dataset = Dataset(args.dataset, args.runs)
    out = args.out or dataset.data / f"{args.part}_sheet.png"
    schema = engine.messages(args.engine)
    image = contact_sheet.sheet(
        schema, dataset, args.part, args.key, max(args.count, 1), max(args.columns, 1), args.seed
    )
    contact_sheet.write(out, image)
    print(f"wrote {out}: {len(args.key) or args.count} images of {dataset.images(args.part)}")
    return 0


if __name__ == "__main__":
    run_tool(main)
