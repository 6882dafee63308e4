"""The 50 nearest of 100,000 features of 4,096 values for each of them, beside a search that one would write by hand."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from parts import Target

from multiweight.retrieval.nearest import top_k


def measure(target: Target) -> dict[str, Any]:
    """Seconds of both, and how many of the neighbours of 200 rows agree with float64's."""
    rows, width, k = (400, 32, 10) if target.emulated else (100_000, 4_096, 50)
    x = np.maximum(np.random.default_rng(1).standard_normal((rows, width), dtype=np.float32), 0)
    begun = time.perf_counter()
    ours, _ = top_k(x, k, "cosine")
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    theirs = _by_hand(torch.from_numpy(x).to(target.device), k)
    by_hand = time.perf_counter() - begun
    checked = range(0, rows, max(rows // 200, 1))
    exact = {i: _exact(x, i, k) for i in checked}
    right = [
        sum(len(exact[i] & set(indices[i].tolist())) for i in checked) / (k * len(exact)) for indices in (ours, theirs)
    ]
    if right[0] < 0.9999:
        raise RuntimeError(f"only {100 * right[0]:.2f}% of the neighbours are the exact ones")
    return {
        "rows, width, k": [rows, width, k], "exact search": f"{seconds:.2f} s, {100 * right[0]:.2f}% right",
        "float32 product and topk": f"{by_hand:.2f} s, {100 * right[1]:.2f}% right",
    }  # fmt: skip


def _by_hand(x: torch.Tensor, k: int) -> np.ndarray:
    """By PyTorch's matmul and topk, in blocks of rows."""
    x = x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)
    indices = []
    for start in range(0, len(x), 4096):
        scores = x[start : start + 4096] @ x.t()
        scores.narrow(1, start, len(scores)).fill_diagonal_(-2)
        indices.append(scores.topk(k, dim=1).indices.cpu())
    return torch.cat(indices).numpy()


def _exact(x: np.ndarray, row: int, k: int) -> set[int]:
    y = x.astype(np.float64) if len(x) < 10_000 else x
    scores = (y @ y[row]).astype(np.float64) / np.maximum(np.linalg.norm(y, axis=1), 1e-12)
    scores[row] = -np.inf
    return set(np.argpartition(-scores, k)[:k].tolist())
