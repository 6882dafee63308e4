#!/usr/bin/env python3
"""Peak memory of training the paper's AlexNet on a CPU: caffe_torch, BVLC Caffe, and a training loop in PyTorch.

The peak of the whole process, interpreter and libraries included, in MiB. Run it from any folder as a script.
"""

from __future__ import annotations

import argparse

import common


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=common.positive, default=2, help="threads of each engine (2)")
    parser.add_argument("--strict", action="store_true", help="status 1 where BVLC Caffe or PyTorch is missing")
    sizes = {"--batch": (64, 16, "images per step"), "--steps": (10, 2, "training steps before the peak is read")}
    args = common.parse(parser, sizes)
    print(f"AlexNet of prototxt/multi_label, batch {args.batch}, float32, {args.threads} thread(s)\n{common.machine()}")
    net = common.with_data(common.read_net("multi_label"), common.inputs(args.batch))
    with common.all_workers(net, args.batch, args.threads) as workers:
        print(f"\npeak memory of {args.steps} training steps")
        peaks = {}
        for worker in workers:
            worker.ask("step", args.steps)
            peaks[worker.name] = worker.ask("peak")
            print(f"  {worker.name:16} {peaks[worker.name]:6.0f} MiB")
        ours, *others = peaks
        for name in others:
            print(f"  {ours} / {name}: {peaks[ours] / peaks[name]:.2f}")
        return int(args.strict and len(workers) < 3)


if __name__ == "__main__":
    common.run(main)
