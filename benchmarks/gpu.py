#!/usr/bin/env python3
"""How many images per second does train-multiweight reach on a GPU, beside an AlexNet loop in PyTorch written by hand?

The net of prototxt/multi_weight as the paper trains it: the loss in a Python layer, 24 groups, images and labels from
LMDBs, batch 256, in fp32, tf32 and bf16. The loop has its one batch on the GPU already and one loss: it reads nothing.
Where PyTorch finds no GPU it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import common
import feeding

from caffe_torch.runtime import accelerator
from caffe_torch.runtime.precision import NAMES
from multiweight.base.cpu import cores


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=common.positive, default=2048, help="records of the database (2048)")
    parser.add_argument("--images", choices=("raw", "jpeg"), default="raw")
    parser.add_argument("--precision", choices=NAMES, action="append", help="only this one (repeat for more)")
    parser.add_argument("--threads", type=common.positive, default=cores(), help="default: every core of this process")
    parser.add_argument("--strict", action="store_true", help="status 1 where there is no GPU")
    sizes = {
        "--batch": (256, 64, "images per step"),
        "--rounds": (7, 3, "rounds, engines in turn"),
        "--steps": (20, 5, "steps in a row per round"),
    }
    args = common.parse(parser, sizes)
    print(common.machine())
    if not accelerator.count():
        print("not measured: PyTorch finds no GPU here")
        return int(args.strict)
    batch, rounds, steps = args.batch, args.rounds, args.steps
    print(f"{accelerator.name(0)}; AlexNet of prototxt/multi_weight, Python loss layer, batch {batch}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gpu-")))
        feeding.write_databases(folder, args.records)
        net = common.with_data(common.read_net("multi_weight"), feeding.data_layers(folder, args.images, batch))
        for precision in args.precision or NAMES:
            (folder / precision).mkdir()
            solver = common.write_solver(folder / precision, net)
            environment = {"CAFFE_TORCH_PRECISION": precision, "PYTHONPATH": str(common.REPOSITORY / "python")}
            script = common.REPOSITORY / "benchmarks"
            caffe = [sys.executable, str(script / "worker_caffe.py"), "caffe_torch", solver, "gpu"]
            loop = [sys.executable, str(script / "worker_torch.py"), str(batch), accelerator.kind(), precision]
            workers = [common.Worker("caffe_torch", caffe, args.threads, environment)]
            workers.append(common.Worker("plain PyTorch", loop, args.threads))
            seconds = common.interleave(workers, "step", rounds, steps)
            common.print_seconds(f"training step in {precision}", seconds, batch)
            median = common.Spread.of(seconds["caffe_torch"]).median
            print(f"  450,000 iterations: {450_000 * median / 3600:.1f} hours")
            for worker in workers:
                worker.close()
    return 0


if __name__ == "__main__":
    common.run(main)
