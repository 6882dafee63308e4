"""Principal directions of the features, found from a sample, and whether screening in them is cheaper than whole rows.

The choice changes the time of a search, never its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from multiweight.retrieval.blocks import Space
from multiweight.retrieval.rows import STRIP, Rows, sample

_SAMPLE, _QUICK_SAMPLE, _LEAST_SAMPLE = 4096, 1024, 256
#: Numbers of directions to choose from.
WIDTHS = (32, 64, 128, 256)
#: Fewer rows, or fewer queries, are searched as quickly without.
LEAST_ROWS = 4096

# Nanoseconds of one core with AVX-512, measured with NumPy's BLAS; only their ratios matter.
_COMPARE = 0.75
_MULTIPLY_NARROW = 0.0135
_MULTIPLY_WIDE = 0.0105
_SCORE_PAIR, _SCORE_VALUE = 300.0, 0.7
_LENIENT = 4


@dataclass(frozen=True)
class Directions:
    """``values`` (m, d) float64, orthonormal rows up to rounding, by falling variance; ``skew`` is at least the
    spectral norm of values @ values.T - 1."""

    values: np.ndarray
    skew: float

    @staticmethod
    def of(values: np.ndarray) -> Directions:
        error = values @ values.T - np.eye(len(values))
        return Directions(values, float(np.linalg.norm(error)) + values.shape[1] * len(values) * 2.0**-51)

    def first(self, m: int) -> Directions:
        return Directions.of(self.values[:m])


def principal_directions(x: np.ndarray, m: int, rounds: int) -> Directions:
    """The ``m`` directions of greatest variance of centred rows ``x`` (s, d), by subspace iteration."""
    start = np.random.default_rng(0).standard_normal((x.shape[1], min(m + 16, *x.shape)))
    basis = np.linalg.qr(x.T @ (x @ start.astype(x.dtype)))[0]
    for _ in range(rounds - 1):
        basis = np.linalg.qr(x.T @ (x @ basis))[0]
    seen = x @ basis
    turn = np.linalg.eigh((seen.T @ seen).astype(np.float64))[1][:, ::-1]
    # Orthonormal to float64: float32 was enough to find them.
    exact = np.linalg.qr(basis.astype(np.float64) @ turn[:, :m])[0]
    return Directions.of(np.ascontiguousarray(exact.T))


def directions(space: Space, queries: Rows, candidates: Rows | None, k: int, memory: int) -> Directions | None:
    """Directions that make the search of these sets cheapest, or None where products of whole rows are cheaper.

    The points in them may take a quarter of ``memory`` bytes (:func:`kept_bytes`).
    """
    others = queries if candidates is None else candidates
    if min(queries.n, others.n) < LEAST_ROWS or k > others.n // 16:
        return None
    widths = [m for m in WIDTHS if m <= queries.d // 4 and kept_bytes(m, queries, candidates) <= memory // 4]
    count = min(_SAMPLE, max(512, others.n // 16), memory // (16 * queries.d))
    if count < _LEAST_SAMPLE:
        return None
    numbers = sample(others.n, count)
    x, bias = np.empty((len(numbers), queries.d), np.float32), np.empty(len(numbers), np.float32)
    for start in range(0, len(numbers), STRIP):
        part = numbers[start : start + STRIP]
        x[start : start + STRIP], bias[start : start + STRIP] = space.centred(others, others.take(part), part)
    return choose(x, bias, others.n, k, widths)


def kept_bytes(m: int, queries: Rows, candidates: Rows | None) -> int:
    """What the points of a search in ``m`` directions take."""
    return (4 * (m + 1) + 32) * (queries.n + (0 if candidates is None else candidates.n))


def choose(x: np.ndarray, bias: np.ndarray, others: int, k: int, widths: list[int]) -> Directions | None:
    """Directions that make a search cheapest, or None where products of whole rows are cheaper.

    ``x`` (s, d) float32 is a sample of centred rows and ``bias`` (s,) theirs (``space.py``), drawn from ``others``
    candidates. A small part of the sample decides first, so that finding out costs little where it does not pay.
    """
    if not widths:
        return None
    every = max(1, len(x) // _QUICK_SAMPLE)
    first, quick = (x[::every], bias[::every]), min(64, max(widths))
    cost = _costs(*first, principal_directions(_fitted(first[0]), quick, 2), others, k, [quick])
    # Few rows fit few directions badly.
    if cost[quick] > _LENIENT * cost[0]:
        return None
    directions = principal_directions(_fitted(x), max(widths), 2)
    cost = _costs(x, bias, directions, others, k, widths)
    best = min(cost, key=lambda m: cost[m])
    return directions.first(best) if best else None


def _fitted(x: np.ndarray) -> np.ndarray:
    """The rows that directions are fitted to; every fourth is kept to judge them by."""
    return x[np.arange(len(x)) % 4 != 0]


def _costs(
    x: np.ndarray, bias: np.ndarray, directions: Directions, others: int, k: int, widths: list[int]
) -> dict[int, float]:
    """Nanoseconds a pair by the number of directions, 0 for whole rows, judged by rows that had no part in the fit."""
    is_query = np.arange(len(x)) % 4 == 0
    a, b, b_bias = x[is_query], x[~is_query], bias[~is_query]
    score = _SCORE_PAIR + _SCORE_VALUE * x.shape[1]
    similar = a @ b.T + b_bias
    rank = min(len(b), max(1, round(k * len(b) / others)))
    limits = np.partition(similar, len(b) - rank, axis=1)[:, len(b) - rank]
    # A pair survives for its row or for its column: half as often again as for its row.
    cost = {0: _COMPARE + _MULTIPLY_WIDE * x.shape[1] + 1.5 * k / others * score}
    p, q = a @ directions.values.T.astype(np.float32), b @ directions.values.T.astype(np.float32)
    a_squares, b_squares = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
    for m in widths:
        u, v = p[:, :m], q[:, :m]
        u_rest = np.sqrt(np.maximum(a_squares - np.einsum("ij,ij->i", u, u), 0))
        v_rest = np.sqrt(np.maximum(b_squares - np.einsum("ij,ij->i", v, v), 0))
        survivors = float((u @ v.T + u_rest[:, None] * v_rest + b_bias >= limits[:, None]).mean())
        cost[m] = _COMPARE + _MULTIPLY_NARROW * (m + 3) + 1.5 * survivors * score
    return cost
