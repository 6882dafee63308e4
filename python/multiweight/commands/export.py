"""Write a trained run as an ONNX model with its catalog, a model card and a script that annotates photos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import engine, flags
from multiweight.base.paths import Dataset
from multiweight.export import exporting


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("--dataset", required=True, help="name of the dataset that the net was trained on")
    flags.runs(p)
    p.add_argument("--variant", default="multi_weight_third", help="the trained run")
    p.add_argument("--iteration", type=int, help="take the snapshot of this iteration (default: the last)")
    flags.engine(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    caffe = engine.select(args.engine)
    run = Dataset(args.dataset, args.runs).run(args.variant)
    folder, deviation = exporting.export_run(caffe, run, args.iteration)
    print(f"{folder}: model.onnx, catalog.json, README.md, annotate.py")
    print(f"worst deviation of onnxruntime from the engine: {deviation}")
    return 0
