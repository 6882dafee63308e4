"""Train runs whose nets are written: snapshots, log.csv and train.json; goes on from the last snapshot."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from multiweight.base import engine, flags, make_variables
from multiweight.base.done import outcome
from multiweight.base.errors import UserError, run_tool
from multiweight.base.paths import Dataset
from multiweight.evaluate import while_training
from multiweight.paper import methods
from multiweight.train import training


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset")
    p.add_argument("--variant", action="append", type=methods.spelled, help="a run; may be given several times")
    p.add_argument("--paper", action="store_true", help=f"the paper's methods in turn: {', '.join(methods.METHODS)}")
    p.add_argument("--weights", type=Path, help=".caffemodel to start from, e.g. one pre-trained on ImageNet")
    flags.gpu(p, several=True)
    p.add_argument("--tensorboard", action="store_true", help="write TensorBoard's event files into tensorboard/ too")
    flags.engine(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    variants = [*(methods.METHODS if args.paper else ()), *(args.variant or [])]
    if not variants:
        raise UserError("give --variant, or --paper")
    caffe = engine.select(args.engine)
    if args.gpu and args.gpu != "none" and engine.processes() == 1 and len(engine.gpu_list(caffe, args.gpu)) > 1:
        return start_processes(caffe, args.gpu, sys.argv[1:] if argv is None else argv)
    device = engine.use_device(caffe, args.gpu)
    print(f"{engine.describe(caffe)} on {device}")
    dataset = Dataset(args.dataset, args.runs)
    for variant in variants:
        run = dataset.run(variant)
        options = dict(weights=args.weights, score=while_training.scorer(dataset), events=args.tensorboard)
        worked = training.train(caffe, run, device=device, show=True, **options)
        print(f"{variant}: {outcome('trained', worked)} snapshots in {run.snapshots}, the log is {run.log}")
    return 0


def start_processes(caffe: ModuleType, gpu: str, argv: Sequence[str]) -> int:
    """Run the step with these arguments once a GPU, in processes of this machine that nothing outside can reach."""
    wanted = engine.gpu_list(caffe, gpu)
    if caffe.__name__ != "caffe_torch":
        raise UserError(
            f"GPU={gpu}: the original trains on several GPUs by `caffe train --gpu {gpu}`, with "
            f"nets of {make_variables.named('LOSS', 'builtin')}"
        )
    if len(wanted) > engine.gpus(caffe):
        raise UserError(f"GPU={gpu}: this machine has {engine.gpus(caffe)} GPU(s) that PyTorch can use")
    return int(importlib.import_module("caffe_torch.cli.processes").run(argv, len(wanted), _in_process))


def _in_process(argv: list[str]) -> None:
    run_tool(lambda: main(argv))
