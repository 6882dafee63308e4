"""Draw the sample shop: photos of garments with noisy labels, for the demo and for trying things."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.datasets.sample_shop import shop

DEFAULTS = shop.ShopSettings()


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
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


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
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
