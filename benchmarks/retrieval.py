#!/usr/bin/env python3
"""top_k against faiss.IndexFlatIP on the same matrix, threads and run; each in a process of its own, alternately.

Prints seconds, processor seconds, peak memory, and their ratios; whether the neighbours are the same wherever scores
differ by more than rounding; and of top_k the number of principal directions, the exact scores for each row, and where
its threads spent their processor time.

FAISS's wheel brings an OpenBLAS that takes newer processors for very old ones, and is then several times slower than it
could be. It is told the right kernels here (OPENBLAS_CORETYPE), unless the variable is set already.
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
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "python"), str(Path(__file__).resolve().parent)]

from retrieval_parts import THREADS, Falling, Shares  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--n", type=int, default=40_000, help="rows (default 40,000)")
    p.add_argument("--d", type=int, default=4_096, help="values a row (default 4,096)")
    p.add_argument("--k", type=int, default=50)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument(
        "--features",
        type=Path,
        nargs="+",
        help="features.h5 files, joined, in place of generated vectors (at most --n rows)",
    )
    p.add_argument(
        "--kind",
        choices=["normal", "relu", "falling"],
        default="normal",
        help="generated: normal; rectified in clusters with exact duplicates; with the falling spectrum of real fc7",
    )
    p.add_argument("--runs", type=int, default=1, help="repetitions; the median is printed")
    p.add_argument("--child", help=argparse.SUPPRESS)
    return p


def generated(n: int, d: int, kind: str) -> np.ndarray:
    x = np.empty((n, d), np.float32)
    if kind == "falling":
        falling = Falling(d)
        for start in range(0, n, 1024):
            x[start : start + 1024] = falling.rows(min(1024, n - start))
        return x
    generator = np.random.default_rng(1)
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
        from multiweight.retrieval import nearest

        shares = Shares()
        used = [time.time(), time.process_time()]
        indices, scores = nearest.top_k(x, args.k, threads=args.threads, device="cpu")
    seconds, processor = time.time() - used[0], time.process_time() - used[1]
    np.savez(Path(folder) / f"{which}.npz", indices=indices, scores=scores)
    told = {"directions": shares.directions, "pairs": shares.pairs, **shares.spent} if which == "ours" else {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak, "told": told}))


def blas_kernels() -> str:
    """OpenBLAS's name of the kernels for this processor, as far as its flags tell; empty leaves the choice to it."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.exists() else []
    return "SkylakeX" if "avx512dq" in flags else "Haswell" if "avx2" in flags else ""


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

        x = np.concatenate([extraction.load(path).values for path in args.features])[: args.n]
        what = " ".join(map(str, args.features))
    else:
        x, what = generated(args.n, args.d, args.kind), f"generated ({args.kind})"
    print(f"{what}: {x.shape[0]:,} rows of {x.shape[1]:,} values, top-{args.k}, {args.threads} thread(s)", flush=True)
    environment = {**os.environ, **{name: str(args.threads) for name in THREADS}}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        rows, size = len(x), x.nbytes
        del x
        measured: dict[str, list[dict[str, Any]]] = {"faiss": [], "ours": []}
        command = [sys.executable, __file__, "--k", str(args.k), "--threads", str(args.threads), "--child"]
        for _ in range(args.runs):
            for which in measured:
                kernels = {"OPENBLAS_CORETYPE": blas_kernels(), **environment} if which == "faiss" else environment
                done = subprocess.run(
                    [*command, f"{which}:{folder}"], env=kernels, stdout=subprocess.PIPE, text=True, check=True
                )
                measured[which].append(json.loads(done.stdout))
        numbers = ("seconds", "processor", "peak")
        median = {
            w: {n: float(np.median([measurement[n] for measurement in f])) for n in numbers}
            for w, f in measured.items()
        }
        for which, name in (("faiss", "faiss IndexFlatIP"), ("ours", "multiweight top_k")):
            m = median[which]
            print(
                f"{name:20} {m['seconds']:9.1f} s {m['processor']:9.1f} processor s, peak {m['peak'] / 2**30:.2f} GiB "
                f"(the matrix itself {size / 2**30:.2f})"
            )
        for name in ("seconds", "processor"):
            print(f"ratio by {name}: {median['faiss'][name] / median['ours'][name]:.2f}")
        told = measured["ours"][-1]["told"]
        print(
            f"top_k: {told.pop('directions') or 'no'} principal directions, "
            f"{told.pop('pairs') / rows:.1f} exact scores a row; seconds of its threads: "
            + ", ".join(f"{name} {seconds:.2f}" for name, seconds in told.items())
        )
        equal, wrong = compare(Path(folder), args.k)
        print(f"lists of the same images: {equal}; that differ by more than rounding: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
