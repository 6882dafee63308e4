#!/usr/bin/env python3
"""All measures of 24 groups and 830 labels from given top-50 lists of 392,537 images, and torchmetrics on a part."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.evaluate import intervals, measures  # noqa: E402
from multiweight.paper import eclothing  # noqa: E402
from multiweight.retrieval import nearest  # noqa: E402

_Result = TypeVar("_Result")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--n", type=int, default=392_537)
    p.add_argument("--part", type=int, default=2_000, help="queries that torchmetrics scores, of the first group")
    args = p.parse_args()
    catalog = eclothing.placeholder_catalog()
    generator = np.random.default_rng(1)
    labels = np.zeros((args.n, catalog.size), dtype=bool)
    for group, share in eclothing.proportions().items():
        rows = np.flatnonzero(generator.random(args.n) < share)
        size = catalog.group(group).size
        # Common labels are much more common than rare ones, as in shops.
        labels[rows, catalog.slices[group].start + (size * generator.random(len(rows)) ** 3).astype(int)] = True
    indices = nearest.random_k(args.n, 50, 1)
    slices = [catalog.slices[name] for name in catalog.names]

    def timed(name: str, work: Callable[[], _Result]) -> _Result:
        started = time.time(), time.process_time()
        result = work()
        print(f"{name:36} {time.time() - started[0]:7.1f} s {time.process_time() - started[1]:7.1f} processor s")
        return result

    print(f"{args.n:,} images, {len(slices)} groups, {catalog.size} labels, lists of 50")
    scores = timed("AP, precision, recall, NDCG", lambda: measures.score(labels, slices, indices))
    timed("AP by min(all, k)", lambda: measures.score(labels, slices, indices, "min"))
    timed("bootstrap, 1,000 resamples", lambda: intervals.bootstrap(scores.ap))
    try:
        import torch
        from torchmetrics.retrieval import RetrievalMAP
    except ImportError:
        print("torchmetrics is not installed: no ratio")
        return 0
    queries = np.flatnonzero(labels[:, slices[0]].any(axis=1))[: args.part]
    relevant = torch.from_numpy(measures.relevance(labels[:, slices[0]], indices, queries))
    metric = RetrievalMAP(empty_target_action="neg")
    order = torch.arange(50, 0, -1, dtype=torch.float32).repeat(len(queries), 1)
    which = torch.arange(len(queries))[:, None].repeat(1, 50)
    started = time.process_time()
    theirs = float(metric(order, relevant, which))
    slow = time.process_time() - started
    started = time.process_time()
    ours = float(measures.average_precision(relevant.numpy()).mean())
    print(f"mAP of {len(queries)} queries: {ours:.6f}, torchmetrics {theirs:.6f}; "
          f"ratio by processor time {slow / max(1e-9, time.process_time() - started):.0f}")  # fmt: skip
    return 0 if abs(ours - theirs) < 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
