"""Rows made ready for screening: centred, rounded, and with what the rounding can have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from multiweight.retrieval.rows import STRIP, Rows, sample

#: Values made ready at a time: the float64 arrays on the way there are a few times as large.
_VALUES = 1 << 17
#: Rows whose mean is the centre.
_CENTRE_ROWS = 1024


@dataclass(frozen=True)
class Block:
    """The rows ``numbers``: what the product takes, and for each row its length, rounding error and bias."""

    numbers: np.ndarray
    stored: Any
    lengths: np.ndarray
    errors: np.ndarray
    bias: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)


class Space:
    """Both metrics as one: the similarity of rows a and b is x.y + bias(a) + bias(b), x and y moved to a common centre.

    Cosine: x = a/|a| - c, bias = (a/|a|).c - |c|^2/2, which adds up to the cosine. Euclidean: x = (a - c)/s with s the
    greatest length, bias = -|x|^2/2, which adds up to minus half the squared distance in units of s. The centre, the
    mean of a sample, changes no similarity, but features share a large common part, and rounding then falls on what
    differs.
    """

    def __init__(self, cosine: bool, sets: list[Rows]):
        self.cosine = cosine
        self.scale = float(np.sqrt(max(rows.squares.max(initial=0.0) for rows in sets))) or 1.0
        u = (sets[-1].d + 16) * 2.0**-52
        self.row_error, self.bias_error = (u, 2 * u) if cosine else (2.0**-51, 0.0)
        self.relative_bias_error = u
        numbers = sample(sets[-1].n, _CENTRE_ROWS)
        total = np.zeros(sets[-1].d)
        for start in range(0, len(numbers), 64):
            part = numbers[start : start + 64]
            total += self._scaled(sets[-1], sets[-1].take(part), part).sum(axis=0)
        self.centre = total / max(1, len(numbers))
        self.centre_square = float(self.centre @ self.centre)

    def _scaled(self, rows: Rows, raw: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        if not self.cosine:
            return raw.astype(np.float64) / self.scale
        lengths = np.sqrt(rows.squares[numbers, None])
        return raw / np.where(lengths > 0, lengths, 1.0)

    def centred(self, rows: Rows, raw: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(x, bias), float64, of ``raw`` float32, the rows ``numbers``."""
        scaled = self._scaled(rows, raw, numbers)
        x = scaled - self.centre
        if self.cosine:
            return x, scaled @ self.centre - self.centre_square / 2
        return x, np.einsum("ij,ij->i", x, x) / -2

    def block(self, product: Any, rows: Rows, raw: np.ndarray, first: int, numbers: np.ndarray) -> Block:
        """The rows ``numbers`` made ready for ``product``; ``raw`` float32 holds them, from the row ``first`` on."""
        stored, n = [], len(numbers)
        lengths, errors, bias = np.empty(n), np.empty(n), np.empty(n)
        step = max(16, min(STRIP, _VALUES // raw.shape[1]))
        for at in range(0, n, step):
            part = slice(at, min(at + step, n))
            x, bias[part] = self.centred(rows, raw[numbers[part] - first], numbers[part])
            lengths[part] = np.sqrt(np.einsum("ij,ij->i", x, x)) * (1 + 1e-9)
            kept, rounded = product.store(x)
            stored.append(kept)
            x -= rounded
            errors[part] = np.sqrt(np.einsum("ij,ij->i", x, x)) * (1 + 1e-9) + self.row_error
        return Block(numbers, product.join(stored), lengths, errors, bias)

    def error(self, product: Any, a: tuple[Any, Any, Any], b: tuple[Any, Any, Any]) -> Any:
        """How far a product can be from the true similarity, but for ``product.output``, given (length, error, |bias|)
        of the two rows; arrays or numbers."""
        (a_length, a_error, a_bias), (b_length, b_error, b_bias) = a, b
        a_kept, b_kept = a_length + a_error, b_length + b_error
        rounding = a_error * b_length + a_kept * b_error
        # The biases are added in float32, or float64 with that product.
        adding = 8 * (2.0**-24 if product.bytes < 8 else 2.0**-53) + self.relative_bias_error
        return (
            rounding + product.accumulation * a_kept * b_kept + self.bias_error
            + adding * (a_bias + b_bias + a_kept * b_kept)
        )  # fmt: skip

    def lowest(self, scores: np.ndarray) -> np.ndarray:
        """The lowest similarity that a float32 score can stand for."""
        wide = scores.astype(np.float64)
        if self.cosine:
            return wide - 2.0**-23
        return -0.5 * np.square((-wide * (1 + 2.0**-22) + 2.0**-148) / self.scale)

    def below(self, limits: np.ndarray) -> np.ndarray:
        """``limits`` lowered so far that all that may round to the same score lies above: ties go by index."""
        if self.cosine:
            return limits - 2.0**-22
        # As distances, of which float32 keeps 24 bits, and near 0 fewer.
        farther = np.sqrt(np.maximum(-2.0 * limits, 0.0)) * (self.scale * (1 + 2.0**-20)) + 2.0**-147
        return -0.5 * np.square(farther / self.scale)
