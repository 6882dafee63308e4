"""Split a dataset's records into train and test: by product, each group's share kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags, progress
from multiweight.base.paths import Dataset
from multiweight.prepare import split


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("--dataset", required=True, help="name of the imported dataset, a folder below --runs")
    flags.runs(p)
    share = split.TEST_FRACTION
    p.add_argument("--test-fraction", type=float, default=share, help="share of images, 0 to 1, for the test part")
    p.add_argument("--seed", type=int, default=1, help="seed of the random order of products")
    p.add_argument("--given", action="store_true", help="take the source's own division instead (partition.csv)")
    near = p.add_mutually_exclusive_group()
    near.add_argument(
        "--near-duplicates", action="store_true", help="report photos of test that look like one of train"
    )
    near.add_argument("--dedupe", action="store_true", help="keep products of near-duplicate photos on one side")
    p.add_argument("--overwrite", action="store_true", help="split again with other settings")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    duplicates = "dedupe" if args.dedupe else "report" if args.near_duplicates else "ignore"
    how = f"by product, {args.test_fraction:.1%} of the images for test, seed {args.seed}"
    print(f"split {dataset.records} {'as ' + dataset.partition.name + ' says' if args.given else how}")
    found, done = split.split_dataset(
        dataset, args.test_fraction, args.seed, args.overwrite, args.given, duplicates, progress.bar
    )
    images, products = found["images"], found["products"]
    print(
        f"{'split' if done else 'skipped, already split:'} train {images['train']} images "
        f"of {products['train']} products, "
        f"test {images['test']} of {products['test']} ({found['test_fraction']:.2%} of the images)"
    )
    for kind, worst in found["largest_deviation"].items():
        share = f"{worst['test_share']:.2%} of its {worst['images']} images in test"
        print(f"  largest deviation of a {kind}: {worst['name']}, {share}")
    if found["one_sided"]:
        print(f"  on one side alone, though of two products or more: {', '.join(found['one_sided'])}")
    if found["products_on_both_sides"]:
        print(f"  products on both sides, by the source's own division: {found['products_on_both_sides']}")
    if "near_duplicates" in found:
        near = found["near_duplicates"]
        print(
            f"  near-duplicate photos: {near['pairs']} pairs, {near['pairs_across']} across the split, "
            f"{near['test_images']} test images ({dataset.data / 'near_duplicates.csv'})"
        )
    return 0
