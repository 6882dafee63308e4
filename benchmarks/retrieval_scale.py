#!/usr/bin/env python3
"""top_k at the paper's size, 392,537 rows of 4,096 values streamed from HDF5: seconds and peak memory of the whole run.

The rows are generated with the spectrum of real fc7 (``retrieval.py --kind falling``) into --file, 6.4 GB, which is
used again where it has them already. Some rows are then checked against all others by brute force.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "python"), str(Path(__file__).resolve().parent)]

from retrieval_parts import THREADS, Falling, Shares  # noqa: E402

CHECKED = 20


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--n", type=int, default=392_537)
    p.add_argument("--d", type=int, default=4_096)
    p.add_argument("--k", type=int, default=50)
    p.add_argument("--memory", type=int, default=3_000, help="bound of the search, MB (default 3,000)")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--file", type=Path, required=True, help="HDF5 file of the rows: made, or used again")
    p.add_argument("--only-make", action="store_true", help="make the file, and stop")
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return p


def make(path: Path, n: int, d: int) -> None:
    """Write the rows, unless the file has them: it appears when it is whole."""
    if path.exists():
        with h5py.File(str(path), "r") as file:
            if file["fc7"].shape == (n, d):
                return
    part, falling = path.with_name(path.name + ".part"), Falling(d)
    with h5py.File(str(part), "w") as file:
        values = file.create_dataset("fc7", (n, d), np.float32, chunks=(64, d))
        for start in range(0, n, 1024):
            values[start : start + 1024] = falling.rows(min(1024, n - start))
    os.replace(part, path)


def peak_memory() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) << 10


def child(args: argparse.Namespace) -> None:
    from multiweight.retrieval import nearest

    shares = Shares()
    started = time.time()

    done = 0

    def progress(rows: int) -> None:
        nonlocal done
        if (done + rows) * 20 // args.n > done * 20 // args.n:
            print(f"{(done + rows) / args.n:.0%} after {time.time() - started:.0f} s", file=sys.stderr, flush=True)
        done += rows

    with h5py.File(str(args.file), "r") as file:
        used = time.time(), time.process_time()
        indices, scores = nearest.top_k(
            file["fc7"], args.k, memory=args.memory << 20, threads=args.threads, device="cpu", progress=progress
        )
        seconds, processor, peak = time.time() - used[0], time.process_time() - used[1], peak_memory()
        wrong = check(file["fc7"], indices, scores)
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak, "wrong": wrong, "pairs": shares.pairs,
                      "directions": shares.directions, "spent": shares.spent}))  # fmt: skip


def check(values: h5py.Dataset, indices: np.ndarray, scores: np.ndarray) -> int:
    """Of some rows, how many have scores that differ by more than rounding from those of brute force."""
    some = np.linspace(0, len(values) - 1, CHECKED).astype(np.int64)
    x = np.stack([values[row] for row in some]).astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    similar = np.empty((len(some), len(values)))
    for start in range(0, len(values), 2048):
        part = values[start : start + 2048].astype(np.float64)
        similar[:, start : start + len(part)] = x @ (part / np.linalg.norm(part, axis=1, keepdims=True)).T
    similar[np.arange(len(some)), some] = -np.inf
    wanted = -np.sort(-similar, axis=1)[:, : scores.shape[1]]
    named = np.take_along_axis(similar, indices[some], axis=1)
    return int(((np.abs(wanted - scores[some]) > 1e-6) | (np.abs(named - scores[some]) > 1e-6)).any(axis=1).sum())


def main() -> int:
    args = parser().parse_args()
    if args.child:
        child(args)
        return 0
    make(args.file, args.n, args.d)
    if args.only_make:
        return 0
    environment = {**os.environ, **{name: str(args.threads) for name in THREADS}}
    command = [sys.executable, __file__, *sys.argv[1:], "--child"]
    result = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    print(
        f"{args.n:,} rows of {args.d:,} values, top-{args.k}, {args.threads} thread(s), {args.memory:,} MB, "
        f"{result['directions'] or 'no'} principal directions, {result['pairs'] / args.n:.1f} exact scores a row"
    )
    print(f"{result['seconds']:,.0f} s = {result['seconds'] / 60:.1f} min, {result['processor']:,.0f} processor s")
    print("seconds of its threads: " + ", ".join(f"{name} {spent:.1f}" for name, spent in result["spent"].items()))
    print(f"peak resident memory: {result['peak'] / 1e9:.2f} GB (memory={args.memory:,} MB beside the libraries)")
    print(f"of {CHECKED} rows searched by brute force, {result['wrong']} differ")
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
