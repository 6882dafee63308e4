"""Pack train.csv and test.csv into image and label LMDBs, with the mean image of the training part.

A run that was killed goes on when the same command is given again, and ends with the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import engine, flags
from multiweight.base.done import outcome
from multiweight.base.paths import Dataset
from multiweight.pack import packing
from multiweight.settings import run_file


def shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not number.isdigit() or not count.isdigit() or not 1 <= int(number) <= int(count):
        raise argparse.ArgumentTypeError(f"{text!r}: expected i/n with i from 1 to n, as 2/4")
    return int(number), int(count)


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the split dataset")
    p.add_argument("--data", help="folder that image paths are relative to (default: where the import found them)")
    run_file.flags(p, "pack")
    flags.engine(p, "which Caffe's schema")
    p.add_argument("--overwrite", action="store_true", help="pack anew over other settings, or over what is there")
    some = p.add_mutually_exclusive_group()
    some.add_argument("--shard", type=shard, metavar="i/n", help="pack the i-th of n pieces alone, for --merge")
    some.add_argument(
        "--merge", type=int, metavar="n", help="join n packed shards, with their settings; then remove them"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    schema = engine.messages(args.engine)
    if args.merge:
        print(f"merge {args.merge} shards in {dataset.data}")
        info, done = packing.merge(schema, dataset, args.merge, run_file.settings(args, "pack").max_bad), True
    else:
        settings = run_file.settings(args, "pack")
        piece = f", shard {args.shard[0]} of {args.shard[1]}" if args.shard else ""
        print(
            f"pack {dataset.data}: {settings.size}x{settings.size} pixels ({settings.resize}), {settings.encoding}, "
            f"shuffled with seed {settings.seed}, unknown labels: {settings.unknown}{piece}"
        )
        info, done = packing.pack(schema, dataset, settings, args.data, args.overwrite, shard=args.shard)
    if args.shard:
        parts = ", ".join(f"{part} {packed['images']} images" for part, packed in info["parts"].items())
        print(f"{outcome('packed', done)} {parts}; join the shards with --merge {args.shard[1]}")
        return 0
    counts = info["counts"]
    speed = f" in {info['seconds']:.1f} s" if done else ""
    print(
        f"{outcome('packed', done)} train {counts['train']}, test {counts['test']} images, "
        f"{info['labels']} labels{speed}; left out {info['bad']} ({dataset.bad_images})"
    )
    return 0
