#!/usr/bin/env python3
"""How many pairs the bounds in principal directions leave for each row, by the number of directions.

Counted for some rows against all, with the k-th best of each known exactly: the fewest that any search by these bounds
can leave. The figure of python/multiweight/retrieval/__init__.py.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.features import extraction  # noqa: E402
from multiweight.retrieval.blocks import Space  # noqa: E402
from multiweight.retrieval.principal import principal_directions  # noqa: E402
from multiweight.retrieval.projected import project  # noqa: E402
from multiweight.retrieval.rows import Rows, sample  # noqa: E402


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("features", type=Path, nargs="+", help="features.h5 files, joined")
    p.add_argument("--k", type=int, default=50)
    p.add_argument("--widths", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    p.add_argument("--some", type=int, default=400, help="rows that are counted for (default 400)")
    args = p.parse_args()
    rows = Rows(np.concatenate([extraction.load(path).values for path in args.features]))
    space, everything = Space(True, [rows]), np.arange(rows.n)
    numbers = sample(rows.n, 4096)
    directions = principal_directions(
        space.centred(rows, rows.take(numbers), numbers)[0].astype(np.float32), max(args.widths), 3
    )
    some = np.sort(np.random.default_rng(1).choice(rows.n, min(args.some, rows.n), replace=False))
    x, bias = (part.astype(np.float32) for part in space.centred(rows, rows.take(everything), everything))
    similar = x[some] @ x.T + bias[some, None] + bias
    similar[np.arange(len(some)), some] = -np.inf
    limits = np.partition(similar, rows.n - args.k, axis=1)[:, rows.n - args.k, None]
    variance = np.square(x).sum()
    for m in args.widths:
        with ThreadPoolExecutor(1) as pool:
            points, _, shift = project(space, rows, None, directions.first(m), pool)
        high = points.side(some, 1, True) @ points.side(everything, 1, False).T + 2 * shift
        high[np.arange(len(some)), some] = -np.inf
        left = (high >= limits).sum(axis=1).mean()
        rest = np.square(points.points[:, -1]).sum() / variance
        print(f"    m = {m:3}  {'#' * round(left / 4)} {left:.0f}  ({100 * rest:.1f}%)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
