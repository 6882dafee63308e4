#!/usr/bin/env python3
"""How much memory does a net that sees images of many sizes take on a CPU, beside BVLC Caffe?

What each process has in memory when the net is there, after the largest image, and after many others. For Linux.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import common
import original

WORKER = common.REPOSITORY / "benchmarks" / "worker_sizes.py"


@contextmanager
def workers(threads: int) -> Iterator[list[common.Worker]]:
    """caffe_torch and, where it is there, the original, each in a folder of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        command = [sys.executable, str(WORKER), "caffe_torch", str(folder)]
        paths = {"PYTHONPATH": str(common.REPOSITORY / "python")}
        started = [common.Worker("caffe_torch", command, threads, paths)]
        stack.callback(started[0].close)
        try:
            other = original.find()
        except original.NoOriginal as reason:
            print(f"not measured against the original Caffe: {reason}")
        else:
            there = Path(tempfile.mkdtemp(prefix="benchmark-", dir=other.root / "tmp"))
            stack.callback(shutil.rmtree, there, ignore_errors=True)
            seen = Path("/") / there.relative_to(other.root)
            shutil.copy(WORKER, there)
            command = [*other.command, str(seen / WORKER.name), "caffe", str(seen)]
            started.append(common.Worker("original", command, threads, original.environment()))
            stack.callback(started[1].close)
        yield started


def resident(process: int, what: str = "VmRSS") -> float:
    """MiB that a process has in memory; ``VmHWM``: has had at most."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    print(common.machine())
    with workers(args.threads) as started:
        print(f"\n{'MiB':16} {'begin':>8} {'256 x 256':>10} {f'{args.sizes} sizes':>10} {'growth':>8} {'at most':>8}")
        for worker in started:
            begin, largest, end = (resident(worker.ask(what, args.sizes)) for what in ("begin", "largest", "others"))
            most = resident(worker.ask("begin"), "VmHWM")
            print(f"{worker.name:16} {begin:8.0f} {largest:10.0f} {end:10.0f} {end - begin:8.0f} {most:8.0f}")
    return 0


if __name__ == "__main__":
    common.run(main)
