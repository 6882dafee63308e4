"""Show the products of a shop that are nearest to photos, by the features of a trained net."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import engine, flags
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.evaluate import packed_labels
from multiweight.paper import methods
from multiweight.query import index as shop_index
from multiweight.query import search_page
from multiweight.records import records
from multiweight.records.catalog import Catalog


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("photo", type=Path, nargs="+", help="JPEG, PNG, WebP, ...; EXIF rotation is applied")
    flags.dataset(p, "name of the dataset whose test images are the shop")
    p.add_argument(
        "--variant",
        type=methods.spelled,
        help="the trained run, with features.h5 (default: the paper's last method that is there)",
    )
    p.add_argument("--k", type=int, default=10, help="products to show, each by its nearest photo")
    p.add_argument("--index", choices=shop_index.KINDS, default="flat", help="flat: exact; ivf, hnsw: for large shops")
    p.add_argument("--html", type=Path, metavar="FILE", help="write a page with the pictures")
    flags.gpu(p)
    flags.engine(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if args.k < 1:
        raise UserError(f"--k {args.k}: expected 1 or more")
    if args.html and (args.html.is_dir() or not args.html.parent.is_dir()):
        raise UserError(f"--html {args.html}: expected a file to write, in a folder that is there")
    dataset = Dataset(args.dataset, args.runs)
    searchable = (name for name in [*methods.METHODS, *dataset.variants()] if dataset.run(name).features.exists())
    variant = args.variant or methods.preferred(searchable)
    if variant is None:
        raise UserError(f"{dataset.root}: no trained run with features: make train-multiweight-third features first")
    run = dataset.run(variant)
    index = shop_index.ShopIndex(run, args.index)
    known = dict(records.read_packed(dataset.packed("test"), Catalog.load(dataset.catalog)))
    packed_labels.check_images(run, run.features, index.features.keys, list(known))
    caffe = engine.select(args.engine)
    engine.use_device(caffe, args.gpu)
    net = shop_index.PhotoFeatures(caffe, run, index)
    shown, failed = [], 0
    for photo in args.photo:
        try:
            nearest = index.products(net.of(photo), args.k, lambda product_image: known[product_image.key].product)
        except UserError as error:
            # One bad file among many: the others are still searched.
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        shown.append((photo, nearest))
        print(photo)
        for product_image in nearest:
            record = known[product_image.key]
            print(f"  {product_image.score:.4f}  {record.product}  {record.image}  {records.stated(record)}")
    if args.html:
        search_page.write(args.html, caffe, dataset, shown, known)
        print(f"the page is {args.html}")
    return 2 if failed else 0
