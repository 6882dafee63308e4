"""Rows in few principal directions: what the first screen of a search reads.

Let p be a row's coordinates in m directions, and r the length of what they leave of it. For two centred rows

    x.y = p(x).p(y) + rest(x).rest(y),   |rest(x).rest(y)| <= r(x) r(y)     (Cauchy and Schwarz)

so p(x).p(y) + r(x) r(y) is not below x.y, and p(x).p(y) - r(x) r(y) not above. One product of width m + 3 gives either
bound of all similarities, biases and rounding errors included.

Rounding: with the stored p (float32), the stored directions P and rest = x - Pᵀp as they are, the identity becomes
x.y = p.(PPᵀ)p + p.(P rest(y)) + (P rest(x)).p + rest.rest. The directions' skew |PPᵀ - 1| bounds the first difference,
and |P rest| <= |Px - p| + skew |p|, of which |Px - p| is measured, the next two. Sums in float32 add at most
``(m + 20) 2^-24`` times the sum of their terms.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from multiweight.retrieval.blocks import Space
from multiweight.retrieval.principal import Directions
from multiweight.retrieval.rows import STRIP, Rows, sample

#: Centred rows are no longer than this (``Space``): unit vectors less a centre that is a mean of such.
_LONGEST = 2.001
#: Values made ready at a time, in each thread.
_VALUES = 1 << 18


class Projected:
    """One set: ``points`` (n, m + 1) float32, coordinates and length of the rest; ``bias`` (n,) float64 less the
    ``shift``; ``slack`` (n,) float64, so that a bound of two rows is off by at most the sum of theirs."""

    def __init__(self, space: Space, rows: Rows, directions: Directions, shift: float, pool: Executor):
        m = len(directions.values)
        self.points = np.empty((rows.n, m + 1), np.float32)
        self.bias, self.slack = np.empty(rows.n), np.empty(rows.n)
        sums = (m + 20) * 2.0**-24
        u = (rows.d + 16) * 2.0**-50 * np.sqrt(m)

        def project(start: int, raw: np.ndarray) -> None:
            part = slice(start, start + len(raw))
            x, bias = space.centred(rows, raw, np.arange(part.start, part.stop))
            length = np.sqrt(np.einsum("ij,ij->i", x, x))
            coordinates = x @ directions.values.T
            kept = coordinates.astype(np.float32)
            leak = np.linalg.norm(coordinates - kept, axis=1) + (directions.skew + u) * length
            x -= kept.astype(np.float64) @ directions.values
            rest = np.sqrt(np.einsum("ij,ij->i", x, x)) + u * length
            self.points[part, :m] = kept
            self.points[part, m] = _up(rest)
            self.bias[part] = bias - shift
            # Each term of the bound's error is at most the longest row's length times one of the two rows' share.
            share = 1.001 * (leak + (sums + directions.skew + 2 * u) * (length + 1e-30)) + 2 * space.row_error
            self.slack[part] = _LONGEST * share + sums * np.abs(self.bias[part]) * 1.001
            self.slack[part] += u * np.abs(bias) + space.bias_error + 1e-37

        step = max(16, min(STRIP, _VALUES // rows.d))
        for first, many in rows.parts(8 * step):
            strips = range(0, len(many), step)
            list(pool.map(project, [first + at for at in strips], [many[at : at + step] for at in strips]))

    def side(self, numbers: np.ndarray, sign: int, left: bool) -> np.ndarray:
        """(len(numbers), m + 3) float32, one side of the product that gives upper bounds (``sign`` 1) or lower (-1).

        The two sides differ in the order of the last two columns, which add the biases, and the left has the sign.
        """
        points = self.points[numbers]
        whole = np.empty((len(points), points.shape[1] + 2), np.float32)
        whole[:, :-2] = points
        bias = self.bias[numbers] + sign * self.slack[numbers]
        whole[:, -2 if left else -1] = _up(bias) if sign > 0 else -_up(-bias)
        whole[:, -1 if left else -2] = 1
        if left and sign < 0:
            whole[:, -3] *= -1
        return whole


def project(
    space: Space, queries: Rows, candidates: Rows | None, directions: Directions, pool: Executor
) -> tuple[Projected, Projected, float]:
    """(queries, candidates, shift), the first two one object for a set against itself. The shift, about a mean bias,
    is taken off each, so that float32 keeps what differs."""
    others = queries if candidates is None else candidates
    numbers = sample(others.n, STRIP)
    shift = float(space.centred(others, others.take(numbers), numbers)[1].mean())
    projected = Projected(space, queries, directions, shift, pool)
    if candidates is None:
        return projected, projected, shift
    return projected, Projected(space, candidates, directions, shift, pool), shift


def _up(values: np.ndarray) -> np.ndarray:
    """Float64 as float32 that is not below."""
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))
