"""Nearest rows the slow way, and small feature sets with every kind of tie."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


def nearest(queries, candidates, k, metric, itself):
    """(indices, scores) of float64 scores rounded to float32, ties by index, -1 where there are fewer than k."""
    x, y = queries.astype(np.float64), candidates.astype(np.float64)
    indices, scores = np.full((len(x), k), -1), np.full((len(x), k), -np.inf, np.float32)
    for row, query in enumerate(x):
        if metric == "cosine":
            lengths = np.sqrt((y**2).sum(1) * (query**2).sum())
            dots = (y * query).sum(1)
            score = np.divide(dots, lengths, out=np.zeros(len(y)), where=lengths > 0)
        else:
            score = -np.sqrt(((y - query) ** 2).sum(1))
        rounded = score.astype(np.float32)
        order = sorted((i for i in range(len(y)) if not (itself and i == row)), key=lambda i: (-rounded[i], i))[:k]
        indices[row, : len(order)], scores[row, : len(order)] = order, rounded[order]
    return indices, scores


@st.composite
def feature_sets(draw, largest=24):
    """Small sets with ties: few distinct values, repeated rows, zero rows, near-equal rows."""
    n, d = draw(st.integers(1, largest)), draw(st.integers(1, 9))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    kind = draw(st.sampled_from(["integers", "normal", "sparse", "close", "huge"]))
    if kind == "integers":
        x = generator.integers(-1, 2, size=(n, d))
    elif kind == "sparse":
        x = np.maximum(generator.normal(size=(n, d)) - 0.7, 0)
    elif kind == "close":
        x = 1 + 1e-6 * generator.normal(size=(n, d))
    else:
        x = generator.normal(size=(n, d)) * (1e25 if kind == "huge" else 1)
    x = x[generator.integers(0, n, size=n)] if draw(st.booleans()) else x
    return x.astype(np.float32)
