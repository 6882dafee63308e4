"""Pairs that a screening left: rows, columns, and an interval that holds each true similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """``rows`` and ``columns`` (m,) int32 of the whole sets, ``low`` and ``high`` (m,) float64 similarities."""

    rows: np.ndarray
    columns: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, which: np.ndarray) -> Pairs:
        return Pairs(self.rows[which], self.columns[which], self.low[which], self.high[which])

    @staticmethod
    def join(parts: list[Pairs]) -> Pairs:
        return Pairs(
            *(np.concatenate([getattr(one, name) for one in parts]) for name in ("rows", "columns", "low", "high"))
        )


def raise_limits(limits: np.ndarray, owners: np.ndarray, low: np.ndarray, k: int) -> None:
    """Raise ``limits`` (n,) to the k-th highest ``low`` among each owner's pairs, in place, where there are k."""
    if not len(owners):
        return
    # One sort of integers: the owner above, the similarity's float32 bits, in falling order, below.
    rounded = np.nextafter(low.astype(np.float32), np.float32(-np.inf))
    bits = rounded.view(np.int32).astype(np.int64)
    falling = np.where(bits < 0, bits + 2**31, -bits) + 2**31
    keys = np.sort((owners.astype(np.int64) << 33) | falling)
    sorted_owners = keys >> 33
    first = np.flatnonzero(np.r_[True, sorted_owners[1:] != sorted_owners[:-1]])
    at = first + k - 1
    enough = at < len(keys)
    enough[enough] = sorted_owners[at[enough]] == sorted_owners[first[enough]]
    at, who = at[enough], sorted_owners[first[enough]]
    falling = (keys[at] & (2**33 - 1)) - 2**31
    bits = np.where(falling > 0, falling - 2**31, -falling).astype(np.int32)
    np.maximum.at(limits, who, bits.view(np.float32).astype(np.float64))
