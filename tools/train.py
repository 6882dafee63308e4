#!/usr/bin/env python3
"""Train runs whose nets are written: snapshots, log.csv and train.json; goes on from the last snapshot."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base import engine  # noqa: E402
from multiweight.base.errors import UserError, run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.train import training  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the packed dataset, a folder under --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--variant", action="append", required=True, help="a run; may be given several times")
    p.add_argument("--weights", type=Path, help=".caffemodel to start from, e.g. one pre-trained on ImageNet")
    p.add_argument(
        "--gpu", default=None, help="0, or 0,1 or all for several, or none (default: a GPU where there is one)"
    )
    p.add_argument("--engine", default=None, choices=engine.CHOICES, help="which Caffe (default: $ENGINE, else auto)")
    return p


def main() -> int:
    args = parser().parse_args()
    caffe = engine.select(args.engine)
    if args.gpu and args.gpu != "none" and engine.processes() == 1 and len(engine.gpu_list(caffe, args.gpu)) > 1:
        return start_processes(caffe, args.gpu)
    device = engine.use_device(caffe, args.gpu)
    print(f"{engine.describe(caffe)} on {device}")
    dataset = Dataset(args.dataset, args.runs)
    for variant in args.variant:
        run = dataset.run(variant)
        if training.train(caffe, run, device=device, weights=args.weights, show=True):
            print(f"{variant}: trained; snapshots in {run.snapshots}, the log is {run.log}")
        else:
            print(f"{variant}: skipped, trained to its last iteration already")
    return 0


def start_processes(caffe: ModuleType, gpu: str) -> int:
    """Run this very command once a GPU, under torchrun."""
    wanted = engine.gpu_list(caffe, gpu)
    if caffe.__name__ != "caffe_torch":
        raise UserError(
            f"GPU={gpu}: the original trains on several GPUs by `caffe train --gpu {gpu}` (--loss builtin nets)"
        )
    if len(wanted) > engine.gpus(caffe):
        raise UserError(f"GPU={gpu}: this machine has {engine.gpus(caffe)} GPU(s) that PyTorch can use")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={len(wanted)}"]
    return subprocess.run([*launcher, *sys.argv]).returncode


if __name__ == "__main__":
    run_tool(main)
