"""Measures of ranked lists."""

from __future__ import annotations

import numpy as np

from multiweight.errors import UserError

DENOMINATORS = ("retrieved", "all", "min")


def average_precision(
    relevant: np.ndarray, total_relevant: np.ndarray | None = None, denominator: str = "retrieved"
) -> np.ndarray:
    """AP of each query at the length of its list, Eq. (10): (1/M) sum_r p(r) rel(r).

    ``relevant`` is (q, k) bool, best result first. The denominator M is ``retrieved``, the number of relevant images
    in the list (the paper's; also torchmetrics'), ``all``, the number of relevant images in the whole set, or ``min``,
    the smaller of that and k; the last two need ``total_relevant`` (q,). Returns (q,) float64 in [0, 1]. A list
    without a relevant image, 0/0 under the paper's reading, has AP 0.
    """
    relevant = np.asarray(relevant, dtype=bool)
    if relevant.ndim != 2:
        raise ValueError(f"relevant has shape {relevant.shape}, expected (queries, k)")
    k = relevant.shape[1]
    hits = np.cumsum(relevant, axis=1, dtype=np.float64)
    gained = (hits * relevant / np.arange(1, k + 1)).sum(axis=1)
    if denominator == "retrieved":
        count = relevant.sum(axis=1)
    elif denominator in ("all", "min"):
        if total_relevant is None:
            raise ValueError(f"denominator {denominator!r} needs total_relevant")
        count = np.asarray(total_relevant)
        if count.shape != gained.shape:
            raise ValueError(f"total_relevant has shape {count.shape}, expected {gained.shape}")
        if denominator == "min":
            count = np.minimum(count, k)
    else:
        raise UserError(f"denominator {denominator!r} is unknown: expected one of {', '.join(DENOMINATORS)}")
    return np.divide(gained, count, out=np.zeros_like(gained), where=count > 0)


def relevance(labels: np.ndarray, indices: np.ndarray, queries: np.ndarray, block: int = 16384) -> np.ndarray:
    """Whether each result shares at least one label with its query (Section IV-B), (len(queries), k) bool.

    ``labels`` is (n, M_t) bool, one group's part of the label vectors; ``indices`` (n, k) neighbours, -1 for none,
    never relevant; ``queries`` the rows to judge. Labels are compared as bit sets, 64 at a time.
    """
    words = _words(labels)
    found = np.zeros((len(queries), indices.shape[1]), dtype=bool)
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        neighbours = indices[part]
        for word in words.T:
            found[start : start + block] |= (word[neighbours] & word[part][:, None]) != 0
        found[start : start + block] &= neighbours >= 0
    return found


def count_relevant(labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """How many other rows of the whole set share a label with each query, (len(queries),) int64.

    ``labels`` is (n, M_t) bool. Counted once for each distinct set of labels, of which shops have few.
    """
    words = _words(labels)
    distinct, place, counts = np.unique(words, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    used = np.unique(place[queries])
    totals = np.zeros(len(distinct), dtype=np.int64)
    step = max(1, 2**24 // max(1, len(distinct)))
    for start in range(0, len(used), step):
        part = used[start : start + step]
        shared = np.zeros((len(part), len(distinct)), dtype=bool)
        for word in distinct.T:
            shared |= (word[part][:, None] & word[None, :]) != 0
        totals[part] = shared @ counts
    # The query shares its labels with itself; a row without labels is no query, and shares none.
    return totals[place[queries]] - words[queries].any(axis=1)


def _words(labels: np.ndarray) -> np.ndarray:
    """(n, M) bool -> (n, ceil(M / 64)) uint64 bit sets."""
    packed = np.packbits(np.asarray(labels, dtype=bool), axis=1)
    padded = np.zeros((len(packed), max(8, -(-packed.shape[1] // 8) * 8)), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


