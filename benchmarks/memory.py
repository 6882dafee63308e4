#!/usr/bin/env python3
"""How much memory does training the paper's AlexNet take at most on a CPU, beside the original and plain PyTorch?

The peak of the whole process, interpreter and libraries included, after some training steps.
"""

from __future__ import annotations

import argparse

import common


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="batch 16, 2 steps")
    parser.add_argument("--strict", action="store_true", help="status 1 where a ratio could not be measured")
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
        mine, *others = peaks
        for name in others:
            print(f"  memory over {name}: {peaks[mine] / peaks[name]:.2f} x")
        return int(args.strict and len(workers) < 3)


if __name__ == "__main__":
    common.run(main)
