"""Pairs that a screening left: rows, columns, and an interval that holds each true similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """``rows`` and ``columns`` (m,) int32 of the whole sets, ``low`` and ``high`` (m,) float32, rounded outwards."""

    rows: np.ndarray
    columns: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def between(rows: np.ndarray, columns: np.ndarray, low: np.ndarray, high: np.ndarray) -> Pairs:
        """Pairs of row numbers whose similarities lie from ``low`` to ``high``, float64."""
        return Pairs(
            rows.astype(np.int32),
            columns.astype(np.int32),
            np.nextafter(low.astype(np.float32), np.float32(-np.inf)),
            np.nextafter(high.astype(np.float32), np.float32(np.inf)),
        )

    def keep(self, which: np.ndarray) -> Pairs:
        return Pairs(self.rows[which], self.columns[which], self.low[which], self.high[which])

    @staticmethod
    def none() -> Pairs:
        return Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32))

    @staticmethod
    def join(parts: list[Pairs]) -> Pairs:
        return Pairs(
            *(np.concatenate([getattr(pairs, name) for pairs in parts]) for name in ("rows", "columns", "low", "high"))
        )


def raise_limits(limits: np.ndarray, owners: np.ndarray, low: np.ndarray, k: int) -> None:
    """Raise ``limits`` (n,) to the k-th highest ``low`` among each owner's pairs, in place, where there are k."""
    higher = low > limits[owners]
    owners, low = owners[higher], low[higher]
    if not len(owners):
        return
    keys = sort_keys(owners, low.astype(np.float32))
    keys.sort()
    sorted_owners = (keys >> np.uint64(32)).astype(np.int64)
    first = np.flatnonzero(np.r_[True, sorted_owners[1:] != sorted_owners[:-1]])
    at = first + k - 1
    enough = at < len(keys)
    enough[enough] = sorted_owners[at[enough]] == sorted_owners[first[enough]]
    at = at[enough]
    raised = np.nextafter(_rising(keys[at]), np.float32(-np.inf)).astype(np.float64)  # float32 may have rounded up
    who = sorted_owners[at]
    limits[who] = np.maximum(limits[who], raised)


def sort_keys(owners: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(m,) uint64, in whose order pairs stand by owner, then by falling float32 value: one sort of integers."""
    return (owners.astype(np.uint64) << np.uint64(32)) | _falling(values + np.float32(0))


def _falling(values: np.ndarray) -> np.ndarray:
    """float32 -> uint64 below 2^32, in falling order."""
    bits = values.view(np.int32)
    rising = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    return ((~rising).view(np.uint32) ^ np.uint32(1 << 31)).astype(np.uint64)


def _rising(keys: np.ndarray) -> np.ndarray:
    """The float32 values of :func:`_falling` back from the low halves of keys."""
    halves = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32) ^ np.uint32(1 << 31)
    rising = ~halves.view(np.int32)
    return (rising ^ ((rising >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)
