"""Write a grid of packed images, chosen by key or at random, with their labels, as a PNG (a contact sheet)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import engine, flags
from multiweight.base.paths import Dataset
from multiweight.pack import contact_sheet
from multiweight.prepare.split import PARTS


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset")
    p.add_argument(
        "--part", choices=PARTS, default="train", help="train or test: which of the two parts (default train)"
    )
    p.add_argument(
        "--key",
        action="append",
        default=[],
        help="an image by its key, the first column of <part>_packed.csv, such as 00000003 (may be repeated)",
    )
    p.add_argument("--count", type=int, default=24, help="how many images at random, where no --key is given")
    p.add_argument("--columns", type=int, default=6, help="images per row")
    p.add_argument("--seed", type=int, default=1, help="seed of the random choice, where no --key is given")
    p.add_argument("--out", type=Path, help="the PNG (default: <part>_sheet.png beside the LMDBs)")
    flags.engine(p, "whose caffe_pb2 reads the LMDB: the original Caffe's or caffe_torch's")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    out = args.out or dataset.data / f"{args.part}_sheet.png"
    caffe_pb2 = engine.messages(args.engine)
    image, keys = contact_sheet.sheet(caffe_pb2, dataset, args.part, args.key, args.count, args.columns, args.seed)
    contact_sheet.write(out, image)
    print(f"wrote {out}: {len(keys)} images of {dataset.images(args.part)}")
    return 0
