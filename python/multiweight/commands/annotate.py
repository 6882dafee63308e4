"""Print the labels that a trained net gives photos: group, label, probability."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import engine, flags
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.evaluate import recognition
from multiweight.features import transform
from multiweight.features.trained_weights import preferred_run
from multiweight.paper import methods
from multiweight.query import annotation


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("photo", type=Path, nargs="+", help="JPEG, PNG, WebP, ...; EXIF rotation is applied")
    flags.dataset(p, "name of the dataset that the net was trained on")
    p.add_argument(
        "--variant", type=methods.spelled, help="the trained run (default: the paper's last method that is there)"
    )
    p.add_argument("--iteration", type=int, help="take the snapshot of this iteration (default: the last)")
    p.add_argument("--threshold", type=float, default=recognition.THRESHOLD, help="least probability of a label")
    p.add_argument("--top", type=int, default=0, help="in every group at least this many labels, whatever their value")
    p.add_argument("--views", choices=transform.VIEWS, default="centre", help="average over crops and mirror images")
    p.add_argument("--json", action="store_true", help="one JSON object per photo, each on its own line")
    p.add_argument(
        "--draw", type=Path, metavar="FOLDER", help="write each photo with its labels there, as NAME.labels.png"
    )
    flags.gpu(p)
    flags.engine(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if not 0 <= args.threshold <= 1:
        raise UserError(f"--threshold {args.threshold}: expected 0 to 1")
    if args.top < 0:
        raise UserError(f"--top {args.top}: expected 0 or more")
    if args.draw and args.draw.exists() and not args.draw.is_dir():
        raise UserError(f"--draw {args.draw}: a file: expected a folder")
    drawings: set[Path] = set()
    caffe = engine.select(args.engine)
    engine.use_device(caffe, args.gpu)
    dataset = Dataset(args.dataset, args.runs)
    variant = args.variant or preferred_run(dataset)
    net = annotation.Annotator(caffe, dataset.run(variant), args.iteration, args.views)
    failed = 0
    for photo in args.photo:
        try:
            labels = net.annotate(photo, args.threshold, args.top)
            if args.draw:
                args.draw.mkdir(parents=True, exist_ok=True)
                annotation.draw(photo, labels, drawing(args.draw, photo, drawings))
        except UserError as error:
            # One bad file among many: the others are still told.
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        if args.json:
            shown = [{"group": x.group, "label": x.label, "probability": round(x.probability, 6)} for x in labels]
            print(json.dumps({"photo": str(photo), "labels": shown}, ensure_ascii=False))
        else:
            print(f"{photo}\n{annotation.text(labels)}", end="")
    return 2 if failed else 0


def drawing(folder: Path, photo: Path, taken: set[Path]) -> Path:
    """Where to draw a photo: not over itself, nor over another of its name from another folder."""
    number = 1
    while (path := folder / f"{photo.name}{'' if number == 1 else f'-{number}'}.labels.png") in taken:
        number += 1
    taken.add(path)
    return path
