#!/usr/bin/env python3
"""Pack train.csv and test.csv into image and label LMDBs, with the mean image of the training part."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight import bad_images, engine, images, packing  # noqa: E402
from multiweight.errors import run_tool  # noqa: E402
from multiweight.runs import Dataset  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the split dataset, a folder below --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--data", help="folder that image paths are relative to (default: where the import found them)")
    p.add_argument("--size", type=int, default=packing.SIZE, help="side of the packed images, pixels; they are warped")
    p.add_argument("--encoded", choices=["jpg"], help="pack JPEG (quality 95), not raw pixels: smaller, slower to read")
    p.add_argument("--seed", type=int, default=1, help="seed of the shuffle: Caffe reads in the order packed")
    share = bad_images.DEFAULT_MAX_BAD
    p.add_argument("--max-bad", type=float, default=share, help="share of images, 0 to 1, that may be left out")
    p.add_argument("--max-pixels", type=int, default=images.MAX_PIXELS, help="largest width x height that is decoded")
    p.add_argument("--threads", type=int, default=0, help="threads that decode (0: as many as cores)")
    p.add_argument("--engine", choices=engine.CHOICES, help="which Caffe's schema (default: $ENGINE, else auto)")
    p.add_argument("--overwrite", action="store_true", help="pack again over other settings")
    return p


def main() -> int:
    args = parser().parse_args()
    dataset = Dataset(args.dataset, args.runs)
    encoding = args.encoded or "raw"
    print(f"pack {dataset.data}: {args.size}x{args.size} pixels, {encoding}, shuffled with seed {args.seed}")
    settings = packing.Settings(args.size, encoding, args.seed, args.max_bad, args.max_pixels, args.threads)
    info, done = packing.pack(engine.select(args.engine), dataset, settings, args.data, args.overwrite)
    counts = info["counts"]
    rate = sum(counts.values()) / max(info["seconds"], 1e-3)
    speed = f" in {info['seconds']:.1f} s ({rate:.0f} images/s)" if done else ""
    print(
        f"{'packed' if done else 'skipped, already packed:'} train {counts['train']}, test {counts['test']} images, "
        f"{info['labels']} labels{speed}; left out {info['bad']} ({dataset.bad_images})"
    )
    return 0


if __name__ == "__main__":
    run_tool(main)
