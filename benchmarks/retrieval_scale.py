#!/usr/bin/env python3
"""top_k at the paper's size, 392,537 rows of 4,096 values streamed from HDF5: peak memory, and the time projected.

The whole set has some hundred parts of equal work, by pairs of panels of rows. This measures two panels with themselves
and one with the other, on generated features, and projects: panels with themselves times their number, plus pairs times
theirs. The other panels' rows are left unwritten in the file and read as zeros, so that the file takes no 6.4 GB on the
disk; the pass over all rows, and all arrays of the whole size, are as they would be.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--n", type=int, default=392_537)
    p.add_argument("--d", type=int, default=4_096)
    p.add_argument("--k", type=int, default=50)
    p.add_argument("--memory", type=int, default=3_000, help="bound of the search, MB (default 3,000)")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--device", help="cpu, cuda, ... (default: a GPU where there is one)")
    p.add_argument("--child", help=argparse.SUPPRESS)
    return p


def child(args: argparse.Namespace) -> None:
    from multiweight.retrieval import plan, search
    from multiweight.retrieval.rows import Rows

    times: dict[str, list[float]] = {}

    def timed(name: str, work: object) -> object:
        started = time.time(), time.process_time()
        found = work()  # type: ignore[operator]
        times[name] = [time.time() - started[0], time.process_time() - started[1]]
        return found

    with h5py.File(args.child, "r") as file:
        rows: Rows = timed("pass", lambda: Rows(file["fc7"]))  # type: ignore[assignment]
        sizes = plan.plan(rows, None, args.k, args.memory << 20, 1, None)
        with search.Search(rows, None, args.k, True, sizes, args.threads, args.device) as one:
            tiles = one.tiles()
            own = [t for t in tiles if t[0] == t[1]]
            pair = next(t for t in tiles if t == (own[0][0], own[1][0]))
            timed("first", lambda: one.do(*own[0]))
            timed("second", lambda: one.do(*own[1]))
            timed("pair", lambda: one.do(*pair))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            name = one.products[0].name
    print(json.dumps({"times": times, "peak": peak, "own": len(own), "tiles": len(tiles), "panel": sizes.panel,
                      "product": name}))  # fmt: skip


def main() -> int:
    args = parser().parse_args()
    if args.child:
        child(args)
        return 0
    from multiweight.retrieval import plan

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.h5"
        generator = np.random.default_rng(1)
        with h5py.File(str(path), "w") as file:
            values = file.create_dataset("fc7", (args.n, args.d), np.float32, chunks=(64, args.d))

            class Sizes:
                n, d, resident = args.n, args.d, False

            panel = plan.plan(Sizes(), None, args.k, args.memory << 20, 1, None).panel  # type: ignore[arg-type]
            for start in range(0, min(2 * panel, args.n), 1024):
                stop = min(start + 1024, 2 * panel, args.n)
                values[start:stop] = generator.standard_normal((stop - start, args.d), dtype=np.float32)
        environment = {**os.environ, **{name: str(args.threads) for name in THREADS}}
        command = [sys.executable, __file__, "--k", str(args.k), "--memory", str(args.memory), "--threads"]
        command += [str(args.threads), *(["--device", args.device] if args.device else []), "--child", str(path)]
        found = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    times, own, tiles = found["times"], found["own"], found["tiles"]
    print(f"{args.n:,} rows of {args.d:,} values, top-{args.k}, {args.threads} thread(s), {found['product']}; "
          f"{own} panels of {found['panel']:,} rows, {tiles} parts")  # fmt: skip
    for name, (seconds, processor) in times.items():
        print(f"  {name:7} {seconds:8.1f} s {processor:8.1f} processor s")
    for which, name in ((0, "s"), (1, "processor s")):
        mean = (times["first"][which] + times["second"][which]) / 2
        # The last panel is shorter: this is a little too much.
        whole = times["pass"][which] + own * mean + (tiles - own) * times["pair"][which]
        print(f"projected: {whole:,.0f} {name} = {whole / 3600:.2f} h")
    peak = found["peak"] / 1e9
    print(f"peak resident memory: {peak:.2f} GB (asked for {args.memory / 1000:.2f} GB beside the libraries)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
