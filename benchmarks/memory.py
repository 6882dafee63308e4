#!/usr/bin/env python3
"""Peak memory of training the paper's AlexNet on a CPU: caffe_torch, BVLC Caffe, and a training loop in PyTorch.

The peak of the whole process, interpreter and libraries included, in MiB. Run it from any folder as a script.
"""

from __future__ import annotations

import argparse

import common


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64, help="images per step (default 64)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each engine (default 2)")
    parser.add_argument("--steps", type=int, default=10, help="training steps (default 10)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="batch 16, 2 steps, whatever --batch and --steps say: a check, no measurement",
    )
    parser.add_argument("--strict", action="store_true", help="status 1 where BVLC Caffe or PyTorch is missing")
    args = parser.parse_args()
    batch, steps = (16, 2) if args.quick else (args.batch, args.steps)
    print(f"AlexNet of prototxt/multi_label, batch {batch}, float32\n{common.machine()}")
    net = common.with_data(common.read_net("multi_label"), common.inputs(batch))
    with common.all_workers(net, batch, args.threads) as workers:
        print(f"\npeak memory of {steps} training steps")
        peaks = {}
        for worker in workers:
            worker.ask("step", steps)
            peaks[worker.name] = worker.ask("peak")
            print(f"  {worker.name:16} {peaks[worker.name]:6.0f} MiB")
        ours, *others = peaks
        for name in others:
            print(f"  {ours} / {name}: {peaks[ours] / peaks[name]:.2f}")
        return int(args.strict and len(workers) < 3)


if __name__ == "__main__":
    common.run(main)
