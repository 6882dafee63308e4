"""Write the features of the test images: one row of a blob (fc7) an image, to features.h5."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from multiweight.base import engine, flags
from multiweight.base.done import outcome
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.features import extraction, transform
from multiweight.paper import methods
from multiweight.paper.methods import UNTRAINED, in_order
from multiweight.photos import image_source
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset", required=False)
    p.add_argument("--variant", action="append", type=methods.spelled, help="a trained run; may be given several times")
    p.add_argument("--all", action="store_true", help="every run of the dataset that has a snapshot")
    p.add_argument("--untrained", action="store_true", help="the multi-label net before training, as variant untrained")
    p.add_argument("--iteration", type=int, help="take the snapshot of this iteration (default: the last)")
    run_file.flags(p, "features")
    flags.gpu(p)
    flags.engine(p)
    o = p.add_argument_group("any net and LMDB, without a run")
    o.add_argument("--deploy", type=Path, help="deploy prototxt with an input called data")
    o.add_argument("--weights", type=Path, help=".caffemodel")
    o.add_argument("--images", type=Path, help="image LMDB, or a text file with an image's path a line")
    o.add_argument("--size", type=int, help="side that listed images are warped to (default: that of the mean)")
    o.add_argument("--mean", type=Path, help="mean.binaryproto (default: none)")
    o.add_argument("--output", type=Path, help="HDF5 file to write")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    settings = run_file.settings(args, "features")
    if args.size is not None and args.size < 1:
        raise UserError(f"--size {args.size}: expected 1 or more")
    variants = [*(args.variant or []), *([UNTRAINED] if args.untrained else [])]
    free = (args.deploy, args.weights, args.images, args.output)
    of_run = (
        args.dataset,
        args.variant,
        args.all,
        args.untrained,
        args.iteration,
        getattr(args, "probabilities", False),
    )
    if any(of_run) and any((*free, args.size, args.mean)):
        raise UserError(
            "options of a run (--dataset, --variant, --all, --untrained, --iteration, --probabilities) and of any net "
            "(--deploy, --weights, --images, --size, --mean, --output) do not go together: give one kind"
        )
    if args.all and args.dataset:
        dataset = Dataset(args.dataset, args.runs)
        trained = [v for v in in_order(dataset.variants()) if dataset.run(v).last_snapshot() is not None]
        variants = [*(v for v in trained if v not in variants), *variants]
    if not (args.dataset and variants) and not all(free):
        raise UserError(
            "give --dataset and --variant (or --all, --untrained); or --deploy, --weights, --images and --output"
        )
    if all(free) and settings.probabilities:
        raise UserError(
            f"{args.settings}: features: probabilities: true is for runs, as only their catalog says which blobs "
            "hold the probabilities: with --deploy give --no-probabilities, and --blob to store a blob of your choice"
        )
    caffe = engine.select(args.engine)
    print(f"{engine.describe(caffe)} on {engine.use_device(caffe, args.gpu)}")
    if all(free):
        done = extraction.extract(
            caffe,
            args.deploy,
            images_of(caffe, args),
            args.output,
            weights=args.weights,
            mean=args.mean,
            settings=settings,
            show=True,
        )
        say(args.output, args.output, done)
        return 0
    dataset = Dataset(args.dataset, args.runs)
    for variant in variants:
        run = dataset.run(variant)
        done = extraction.extract_run(caffe, run, settings, iteration=args.iteration, show=True)
        say(variant, run.features, done)
        if settings.probabilities:
            done = extraction.extract_run(caffe, run, settings, iteration=args.iteration, outputs=True, show=True)
            say(variant, run.probabilities, done)
    return 0


def images_of(caffe: ModuleType, args: argparse.Namespace) -> Path | image_source.ListedImages:
    if args.images.is_dir():
        return args.images
    if args.size is None and args.mean is None:
        raise UserError(f"{args.images}: a list of images needs --size, or the --mean whose size they take")
    size = args.size or transform.read_mean(caffe, args.mean).shape[-1]
    return image_source.ListedImages.read(args.images, size)


def say(name: object, path: Path, done: bool) -> None:
    if not done:
        print(f"{name}: {outcome('extracted', done)} {path}")
        return
    features = extraction.load(path)
    images, values = features.values.shape
    print(f"{name}: {outcome('extracted', done)} {path}, {images} images x {values} values")
    zero = extraction.zero_keys(features)
    if zero:
        named = ", ".join(zero[:5])
        print(f"{name}: warning: {len(zero)} image(s) have features of zeros alone: {named}", file=sys.stderr)
