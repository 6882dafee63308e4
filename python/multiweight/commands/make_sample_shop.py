"""Draw the sample shop: photos of garments with noisy labels, for the demo and for trying things."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.base.done import outcome
from multiweight.datasets.sample_shop import shop
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("folder", nargs="?", default="runs/sample-shop/shop", help="where to draw it")
    run_file.flags(p, "shop")
    p.add_argument("--overwrite", action="store_true", help="draw again over other settings")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    settings = run_file.settings(args, "shop")
    print(
        f"draw {settings.products} products into {args.folder}; "
        f"labels {settings.wrong:.0%} wrong, {settings.missing:.0%} missing"
    )
    result, done = shop.make(args.folder, settings, args.overwrite)
    print(
        f"{outcome('drawn', done)} {result['photos']} photos of {result['products']} products, "
        f"{result['labels']} labels in {len(result['proportions'])} groups"
    )
    return 0
