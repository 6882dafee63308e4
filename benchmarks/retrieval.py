#!/usr/bin/env python3
"""top_k against faiss.IndexFlatIP on the same matrix, threads and run; each in a process of its own, alternately.

Prints seconds, processor seconds, peak memory, and their ratios; then whether the neighbours are the same wherever
scores differ by more than rounding.
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

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--n", type=int, default=40_000, help="rows (default 40,000)")
    p.add_argument("--d", type=int, default=4_096, help="values a row (default 4,096)")
    p.add_argument("--k", type=int, default=50)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--features", type=Path, help="a features.h5 in place of generated vectors (at most --n rows)")
    p.add_argument(
        "--kind",
        choices=["normal", "relu"],
        default="normal",
        help="generated: normal, or rectified with clusters and exact duplicates, as fc7 is",
    )
    p.add_argument("--runs", type=int, default=1, help="repetitions; the median is printed")
    p.add_argument("--child", help=argparse.SUPPRESS)
    return p


def generated(n: int, d: int, kind: str) -> np.ndarray:
    generator = np.random.default_rng(1)
    x = np.empty((n, d), np.float32)
    centres = generator.normal(size=(max(1, n // 40), d)).astype(np.float32) if kind == "relu" else None
    for start in range(0, n, 1024):
        part = generator.standard_normal((min(1024, n - start), d), dtype=np.float32)
        if centres is not None:
            part += 1.5 * centres[generator.integers(0, len(centres), len(part))]
            np.maximum(part - 1.0, 0, out=part)
        x[start : start + len(part)] = part
    if kind == "relu":
        x[generator.integers(0, n, n // 50)] = x[generator.integers(0, n, n // 50)]
    return x


def child(args: argparse.Namespace) -> None:
    """One search, of the matrix in the folder --child names: kind:folder."""
    which, folder = args.child.split(":", 1)
    x = np.load(Path(folder) / "x.npy")
    used = [time.time(), time.process_time()]
    if which == "faiss":
        import faiss

        faiss.omp_set_num_threads(args.threads)
        y = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
        index = faiss.IndexFlatIP(x.shape[1])
        index.add(y)
        used = [time.time(), time.process_time()]
        scores, indices = index.search(y, args.k + 1)
    else:
        import torch  # noqa: F401  # as FAISS, loaded before the clock starts

        from multiweight.retrieval import nearest

        used = [time.time(), time.process_time()]
        indices, scores = nearest.top_k(x, args.k, threads=args.threads, device="cpu")
    seconds, processor = time.time() - used[0], time.process_time() - used[1]
    np.savez(Path(folder) / f"{which}.npz", indices=indices, scores=scores)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak}))


def compare(folder: Path, k: int) -> tuple[int, int]:
    """(lists that are the same set, lists that differ by more than rounding)."""
    ours, theirs = np.load(folder / "ours.npz"), np.load(folder / "faiss.npz")
    equal = wrong = 0
    for row, (a, s, b, t) in enumerate(zip(ours["indices"], ours["scores"], theirs["indices"], theirs["scores"])):
        keep = np.flatnonzero(b != row)[:k]
        b, t = b[keep], t[keep]
        if set(a) == set(b):
            equal += 1
        # Sorted scores of the same exact list agree up to rounding, whichever of equal rows is named.
        wrong += bool(np.abs(np.sort(s)[::-1] - np.sort(t)[::-1]).max() > 2e-5)
    return equal, wrong


def main() -> int:
    args = parser().parse_args()
    if args.child:
        child(args)
        return 0
    if args.features:
        from multiweight.features import extraction

        x = extraction.load(args.features).values[: args.n]
        what = f"{args.features}"
    else:
        x, what = generated(args.n, args.d, args.kind), f"generated ({args.kind})"
    print(f"{what}: {x.shape[0]:,} rows of {x.shape[1]:,} values, top-{args.k}, {args.threads} thread(s)", flush=True)
    environment = {**os.environ, **{name: str(args.threads) for name in THREADS}}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        size = x.nbytes
        del x
        found: dict[str, list[dict[str, float]]] = {"faiss": [], "ours": []}
        command = [sys.executable, __file__, "--k", str(args.k), "--threads", str(args.threads), "--child"]
        for _ in range(args.runs):
            for which in found:
                done = subprocess.run(
                    [*command, f"{which}:{folder}"], env=environment, stdout=subprocess.PIPE, text=True, check=True
                )
                found[which].append(json.loads(done.stdout))
        median = {w: {n: float(np.median([one[n] for one in f])) for n in f[0]} for w, f in found.items()}
        for which, name in (("faiss", "faiss IndexFlatIP"), ("ours", "multiweight top_k")):
            m = median[which]
            print(
                f"{name:20} {m['seconds']:9.1f} s {m['processor']:9.1f} processor s, peak {m['peak'] / 2**30:.2f} GiB "
                f"(the matrix itself {size / 2**30:.2f})"
            )
        for name in ("seconds", "processor"):
            print(f"ratio by {name}: {median['faiss'][name] / median['ours'][name]:.2f}")
        equal, wrong = compare(Path(folder), args.k)
        print(f"lists of the same images: {equal}; that differ by more than rounding: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
