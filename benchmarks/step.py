#!/usr/bin/env python3
"""How fast is a training step, and a forward pass, of the paper's AlexNet on this CPU, beside BVLC Caffe and PyTorch?

Prints the ratios of rounds in which the engines take turns. Where the original Caffe is missing it says so, and with
--strict ends with status 1.
"""

from __future__ import annotations

import argparse

import common


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=common.positive, default=2, help="threads of every engine (2)")
    parser.add_argument("--times", type=common.positive, default=3, help="steps or passes in a row a round (3)")
    parser.add_argument("--strict", action="store_true", help="status 1 where a ratio could not be measured")
    args = common.parse(parser, {"--batch": (64, 16, "images per step"), "--rounds": (7, 3, "rounds, engines in turn")})
    print(f"AlexNet of prototxt/multi_label, batch {args.batch}, float32, {args.threads} thread(s)\n{common.machine()}")
    net = common.with_data(common.read_net("multi_label"), common.inputs(args.batch))
    with common.all_workers(net, args.batch, args.threads) as workers:
        for what, title in (("step", "training step"), ("forward", "forward pass")):
            common.print_seconds(title, common.interleave(workers, what, args.rounds, args.times), args.batch)
        return int(args.strict and len(workers) < 3)


if __name__ == "__main__":
    common.run(main)
