"""Screening by matrix products of whole rows: float32, then float64 where float32 leaves too many pairs."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from multiweight.retrieval.blocks import Block
from multiweight.retrieval.pairs import Pairs
from multiweight.retrieval.scoring import Scoring

#: A product has failed on a block where it leaves more than this many times the pairs that can be needed.
MOST_PAIRS = 6


class ProductScreen:
    """Multiplies two blocks of the tile that ``scoring`` holds, and keeps the pairs that can reach its limits.

    ``keep`` keeps the tile's rows ready for the first product, for blocks to come.
    """

    def __init__(self, scoring: Scoring, products: list[Any], keep: bool):
        self.scoring, self.space, self.products, self.keep = scoring, scoring.space, products, keep
        # Blocks of near-equal rows come together: the product that was fine enough for the last is tried next.
        self._finer = 1
        self._first_blocks: dict[tuple[bool, int], Block] = {}
        self._preparing = Lock()

    def forget(self) -> None:
        """The tile is finished: drop its rows."""
        self._first_blocks.clear()

    def pairs(self, a: np.ndarray, b: np.ndarray, triangle: bool) -> Pairs | None:
        """The pairs of the rows ``a`` and ``b`` (numbers) that can matter; None where no product parts them."""
        most = MOST_PAIRS * self.scoring.k * (len(a) + len(b)) + 1000
        level = 0
        while level < len(self.products):
            product = self.products[level]
            left, right = self._block(product, True, a), self._block(product, self.scoring.same, b)
            values = product.multiply(left.stored, right.stored)
            found = self._screen(product, left, right, values, triangle, 4 * most)
            if found is not None and len(found) <= most:
                return found
            level = max(level + 1, self._finer)
            self._finer = level
        return None

    def _block(self, product: Any, left: bool, numbers: np.ndarray) -> Block:
        raw, first, rows = self.scoring.side(left)
        if not self.keep or product is not self.products[0] or product.bytes == 8:
            return self.space.block(product, rows, raw, first, numbers)
        key = left, int(numbers[0])
        with self._preparing:
            if key not in self._first_blocks:
                self._first_blocks[key] = self.space.block(product, rows, raw, first, numbers)
            return self._first_blocks[key]

    def _screen(self, product: Any, a: Block, b: Block, values: Any, triangle: bool, most: int) -> Pairs | None:
        """The pairs of two blocks that can matter; None where they are clearly more than ``most``."""
        scoring, bias = self.scoring, (a.bias, b.bias)
        lows: list[np.ndarray | None] = [None, None]
        for axis, (one, other) in enumerate(((a, b), (b, a))):
            if axis == 1 and not scoring.itself:
                continue
            limits = scoring.limits[one.numbers]
            worst = tuple(part.max(initial=0.0) for part in (other.lengths, other.errors, np.abs(other.bias)))
            error = self.space.error(product, (one.lengths, one.errors, np.abs(one.bias)), worst)  # type: ignore
            if (triangle or np.isneginf(limits).any()) and len(other) - triangle >= scoring.k:
                kth = product.kth(values, bias, scoring.k, triangle, 1 - axis)
                largest = 1.001 * product.output * (one.lengths + one.errors) * (worst[0] + worst[1])
                np.maximum(limits, kth - error - largest, out=limits)
            target = self.space.below(limits)
            # What is left of the target without the biases bounds the rounding of the product that just reaches it.
            with np.errstate(invalid="ignore"):
                left = target - one.bias
                output = product.output * np.maximum(np.abs(left - other.bias.max()), np.abs(left - other.bias.min()))
                low = target - (error + output) * (1 + product.output)
            low = np.where(np.isneginf(target), -np.inf, low)
            low[scoring.settled(one.numbers, other.numbers)] = np.inf
            lows[axis] = np.nextafter(low.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
        rows, columns, found = product.select(values, bias, (lows[0], lows[1]), triangle)
        if len(rows) > most:
            return None
        pairs = self._intervals(product, a, b, rows, columns, found.astype(np.float64))
        return pairs.keep(scoring.needed(pairs))

    def _intervals(
        self, product: Any, a: Block, b: Block, rows: np.ndarray, columns: np.ndarray, found: np.ndarray
    ) -> Pairs:
        one = (a.lengths[rows], a.errors[rows], np.abs(a.bias[rows]))
        other = (b.lengths[columns], b.errors[columns], np.abs(b.bias[columns]))
        error = self.space.error(product, one, other)
        if product.output:
            error = error + product.output * (np.abs(found - a.bias[rows] - b.bias[columns]) + 2.0**-20)
        return Pairs.between(a.numbers[rows], b.numbers[columns], found - error, found + error)
