"""Split a dataset's records into train and test: by product, each group's share kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags, progress
from multiweight.base.done import outcome
from multiweight.base.paths import Dataset
from multiweight.prepare import split
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the imported dataset")
    run_file.flags(p, "split")
    p.add_argument("--overwrite", action="store_true", help="split again with other settings")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    chosen = run_file.settings(args, "split")
    how = f"by product, {chosen.test_fraction:.1%} of the images for test, seed {chosen.seed}"
    print(f"split {dataset.used_records} {'as ' + dataset.partition.name + ' says' if chosen.given else how}")
    result, done = split.split_dataset(
        dataset, chosen.test_fraction, chosen.seed, args.overwrite, chosen.given, chosen.duplicates, progress.bar
    )
    images, products = result["images"], result["products"]
    print(
        f"{outcome('split', done)} train {images['train']} images "
        f"of {products['train']} products, "
        f"test {images['test']} of {products['test']} ({result['test_fraction']:.2%} of the images)"
    )
    for kind, worst in result["largest_deviation"].items():
        share = f"{worst['test_share']:.2%} of its {worst['images']} images in test"
        print(f"  largest deviation of a {kind}: {worst['name']}, {share}")
    if result["one_sided"]:
        print(f"  on one side alone, though of two products or more: {', '.join(result['one_sided'])}")
    if result["products_on_both_sides"]:
        print(f"  products on both sides, by the source's own division: {result['products_on_both_sides']}")
    if "near_duplicates" in result:
        near = result["near_duplicates"]
        print(
            f"  near-duplicate photos: {near['pairs']} pairs, {near['pairs_across']} across the split, "
            f"{near['test_images']} test images ({dataset.near_duplicates})"
        )
    return 0
