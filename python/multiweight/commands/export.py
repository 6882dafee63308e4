"""Write a trained run as an ONNX model with its catalog, a model card and a script that annotates photos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import engine, flags
from multiweight.base.paths import Dataset
from multiweight.export import exporting
from multiweight.features.trained_weights import preferred_run
from multiweight.paper import methods


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the dataset that the net was trained on")
    p.add_argument(
        "--variant", type=methods.spelled, help="the trained run (default: the paper's last method that is there)"
    )
    p.add_argument("--iteration", type=int, help="take the snapshot of this iteration (default: the last)")
    flags.engine(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    caffe = engine.select(args.engine)
    dataset = Dataset(args.dataset, args.runs)
    run = dataset.run(args.variant or preferred_run(dataset))
    folder, deviation = exporting.export_run(caffe, run, args.iteration)
    print(f"{folder}: model.onnx, catalog.json, README.md, annotate.py")
    print(f"worst deviation of onnxruntime from the engine: {deviation}")
    return 0
