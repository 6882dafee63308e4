"""Check a packed dataset: pairs aligned, every image decodes to the promised shape, labels and counts as recorded."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import done, engine, flags, make_variables
from multiweight.base.paths import Dataset
from multiweight.pack import verifying


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset")
    flags.engine(p, "which Caffe's schema")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    print(f"verify {dataset.data}: every key, image and label vector of both parts")
    results = verifying.verify(engine.messages(args.engine), dataset)
    width = max(map(len, results["train"]["group_images"]))
    print(f"{'images with a label of':<{width + 2}}{'train':>10}{'test':>10}")
    for name, count in results["train"]["group_images"].items():
        print(f"  {name:<{width}}{count:>10}{results['test']['group_images'][name]:>10}")
    for part, result in results.items():
        if result["duplicates"]:
            print(f"  {part}: {result['duplicates']} images have the bytes of an earlier one")
    in_both = done.read(dataset.verify_mark)["in_both"]
    if in_both:
        print(
            f"  {in_both} test images have the bytes of a training image: "
            f"split with {make_variables.named('DEDUPE')} keeps them apart"
        )
    sizes = ", ".join(f"{part} {result['images']} images" for part, result in results.items())
    print(f"sound: {sizes}, keys and labels aligned")
    return 0
