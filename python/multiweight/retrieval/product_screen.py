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
            kept = self._screen(product, left, right, values, triangle, 4 * most)
            if kept is not None and len(kept) <= most:
                return kept
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
        for axis, (own, partner) in enumerate(((a, b), (b, a))):
            if axis == 1 and not scoring.itself:
                continue
            limits = scoring.limits[own.numbers]
            worst = tuple(part.max(initial=0.0) for part in (partner.lengths, partner.errors, np.abs(partner.bias)))
            error = self.space.error(product, (own.lengths, own.errors, np.abs(own.bias)), worst)  # type: ignore
            if (triangle or np.isneginf(limits).any()) and len(partner) - triangle >= scoring.k:
                kth = product.kth(values, bias, scoring.k, triangle, 1 - axis)
                largest = 1.001 * product.output * (own.lengths + own.errors) * (worst[0] + worst[1])
                np.maximum(limits, kth - error - largest, out=limits)
            target = self.space.below(limits)
            # What is left of the target without the biases bounds the rounding of the product that just reaches it.
            with np.errstate(invalid="ignore"):
                left = target - own.bias
                output = product.output * np.maximum(
                    np.abs(left - partner.bias.max()), np.abs(left - partner.bias.min())
                )
                low = target - (error + output) * (1 + product.output)
            low = np.where(np.isneginf(target), -np.inf, low)
            low[scoring.settled(own.numbers, partner.numbers)] = np.inf
            lows[axis] = np.nextafter(low.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
        rows, columns, products = product.select(values, bias, (lows[0], lows[1]), triangle)
        if len(rows) > most:
            return None
        pairs = self._intervals(product, a, b, rows, columns, products.astype(np.float64))
        return pairs.keep(scoring.needed(pairs))

    def _intervals(
        self, product: Any, a: Block, b: Block, rows: np.ndarray, columns: np.ndarray, products: np.ndarray
    ) -> Pairs:
        own = (a.lengths[rows], a.errors[rows], np.abs(a.bias[rows]))
        partner = (b.lengths[columns], b.errors[columns], np.abs(b.bias[columns]))
        error = self.space.error(product, own, partner)
        if product.output:
            error = error + product.output * (np.abs(products - a.bias[rows] - b.bias[columns]) + 2.0**-20)
        return Pairs.between(a.numbers[rows], b.numbers[columns], products - error, products + error)
