"""Screening by matrix products of whole rows: float32, then float64 where float32 leaves too many pairs."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from multiweight.retrieval.blocks import Block
from multiweight.retrieval.matmul import Matmul
from multiweight.retrieval.pairs import Pairs
from multiweight.retrieval.scoring import Scoring

#: A matrix product is too coarse for a block of which it leaves more than this many times the pairs that can be needed.
MOST_PAIRS = 6


class MatmulScreen:
    """Multiplies two blocks of the tile that ``scoring`` holds, and keeps the pairs that can reach its limits.

    ``keep`` keeps the tile's rows ready for the first product, for blocks to come.
    """

    def __init__(self, scoring: Scoring, matmuls: list[Matmul], keep: bool):
        self.scoring, self.space, self.matmuls, self.keep = scoring, scoring.space, matmuls, keep
        # Blocks of near-equal rows come together: the precision that was fine enough for the last is tried next.
        self._finer = 1
        self._first_blocks: dict[tuple[bool, int], Block] = {}
        self._preparing = Lock()

    def forget(self) -> None:
        """The tile is finished: drop its rows."""
        self._first_blocks.clear()

    def pairs(self, a: np.ndarray, b: np.ndarray, triangle: bool) -> Pairs | None:
        """The pairs of the rows ``a`` and ``b`` (numbers) that can matter; None where no precision separates them."""
        most = MOST_PAIRS * self.scoring.k * (len(a) + len(b)) + 1000
        level = 0
        while level < len(self.matmuls):
            matmul = self.matmuls[level]
            left, right = self._block(matmul, True, a), self._block(matmul, self.scoring.same, b)
            values = matmul.multiply(left.stored, right.stored)
            kept = self._screen(matmul, left, right, values, triangle, 4 * most)
            if kept is not None and len(kept) <= most:
                return kept
            level = max(level + 1, self._finer)
            self._finer = level
        return None

    def _block(self, matmul: Matmul, left: bool, numbers: np.ndarray) -> Block:
        raw, first, rows = self.scoring.side(left)
        if not self.keep or matmul is not self.matmuls[0] or matmul.bytes == 8:
            return self.space.block(matmul, rows, raw, first, numbers)
        key = left, int(numbers[0])
        with self._preparing:
            if key not in self._first_blocks:
                self._first_blocks[key] = self.space.block(matmul, rows, raw, first, numbers)
            return self._first_blocks[key]

    def _screen(self, matmul: Matmul, a: Block, b: Block, values: Any, triangle: bool, most: int) -> Pairs | None:
        """The pairs of two blocks that can matter; None where they are clearly more than ``most``."""
        scoring, bias = self.scoring, (a.bias, b.bias)
        lows: list[np.ndarray] = []
        for axis, (own, partner) in enumerate(((a, b), (b, a))):
            if axis == 1 and not scoring.self_search:
                continue
            limits = scoring.limits[own.numbers]
            worst = tuple(part.max(initial=0.0) for part in (partner.lengths, partner.errors, np.abs(partner.bias)))
            error = self.space.error(matmul, (own.lengths, own.errors, np.abs(own.bias)), worst)  # type: ignore
            if (triangle or np.isneginf(limits).any()) and len(partner) - triangle >= scoring.k:
                kth = matmul.kth(values, bias, scoring.k, triangle, 1 - axis)
                largest = 1.001 * matmul.output * (own.lengths + own.errors) * (worst[0] + worst[1])
                np.maximum(limits, kth - error - largest, out=limits)
            target = self.space.below(limits)
            # What is left of the target without the biases bounds the rounding of the product that just reaches it.
            with np.errstate(invalid="ignore"):
                left = target - own.bias
                output = matmul.output * np.maximum(
                    np.abs(left - partner.bias.max()), np.abs(left - partner.bias.min())
                )
                low = target - (error + output) * (1 + matmul.output)
            low = np.where(np.isneginf(target), -np.inf, low)
            low[scoring.cannot_improve(own.numbers, partner.numbers)] = np.inf
            lows.append(np.nextafter(low.astype(np.float32), np.float32(-np.inf)).astype(np.float64))
        rows, columns, similarities = matmul.select(
            values, bias, (lows[0], lows[1] if len(lows) > 1 else None), triangle
        )
        if len(rows) > most:
            return None
        pairs = self._intervals(matmul, a, b, rows, columns, similarities.astype(np.float64))
        return pairs.keep(scoring.needed(pairs))

    def _intervals(
        self, matmul: Matmul, a: Block, b: Block, rows: np.ndarray, columns: np.ndarray, similarities: np.ndarray
    ) -> Pairs:
        own = (a.lengths[rows], a.errors[rows], np.abs(a.bias[rows]))
        partner = (b.lengths[columns], b.errors[columns], np.abs(b.bias[columns]))
        error = self.space.error(matmul, own, partner)
        if matmul.output:
            error = error + matmul.output * (np.abs(similarities - a.bias[rows] - b.bias[columns]) + 2.0**-20)
        return Pairs.between(a.numbers[rows], b.numbers[columns], similarities - error, similarities + error)
