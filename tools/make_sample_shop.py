#!/usr/bin/env python3
"""Draw the sample shop: photos of garments with noisy labels, for the demo and for trying things."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.datasets.sample_shop import shop  # noqa: E402

DEFAULTS = shop.ShopSettings()


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("folder", nargs="?", default="runs/sample-shop/shop", help="where to draw it")
    p.add_argument(
        "--products", type=int, default=DEFAULTS.products, help="number of products, of one to four photos each"
    )
    p.add_argument("--wrong", type=float, default=DEFAULTS.wrong, help="share of labels, 0 to 1, that are wrong")
    p.add_argument("--missing", type=float, default=DEFAULTS.missing, help="share of labels, 0 to 1, that are missing")
    p.add_argument(
        "--tail", type=float, default=DEFAULTS.tail, help="power of the groups' shares: 0 equal, 1 heavy-tailed, 4 most"
    )
    p.add_argument("--size", type=int, default=DEFAULTS.size, help="side of a photo, pixels")
    p.add_argument("--quality", type=int, default=DEFAULTS.quality, help="JPEG quality, 1 to 100")
    p.add_argument("--seed", type=int, default=DEFAULTS.seed, help="seed of everything that varies")
    p.add_argument("--overwrite", action="store_true", help="draw again over other settings")
    return p


def main() -> int:
    args = parser().parse_args()
    settings = shop.ShopSettings(**{name: getattr(args, name) for name in shop.ShopSettings._fields})
    print(
        f"draw {args.products} products into {args.folder}; labels {args.wrong:.0%} wrong, {args.missing:.0%} missing"
    )
    found, done = shop.make(args.folder, settings, args.overwrite)
    print(
        f"{'drawn' if done else 'skipped, already drawn:'} {found['photos']} photos of {found['products']} products, "
        f"{found['labels']} labels in {len(found['proportions'])} groups"
    )
    return 0


if __name__ == "__main__":
    run_tool(main)
