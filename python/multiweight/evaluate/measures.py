"""Measures of ranked lists: AP, precision, recall and NDCG at the length of the list, for all groups in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from multiweight.base.errors import UserError

DENOMINATORS = ("retrieved", "all", "min")
MEASURES = ("ap", "precision", "recall", "ndcg")
_BLOCK = 4096


@dataclass(frozen=True)
class Scores:
    """Of each query and group, (n, groups) float64, NaN where the image has no label of the group and is no query.

    ``ap`` is by the denominator asked for; ``answered`` (n, groups) bool tells lists with a relevant image.
    """

    ap: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    ndcg: np.ndarray
    answered: np.ndarray


def score(
    labels: np.ndarray,
    slices: Sequence[slice],
    indices: np.ndarray,
    denominator: str = "retrieved",
    groups: Sequence[int] | None = None,
) -> Scores:
    """Every measure of every query and group, from one pass over the lists.

    ``labels`` is (n, L) bool, ``slices`` the groups' parts of it, ``indices`` (n, k) the neighbours of every image, -1
    for none. Queries of a group are the images with a label of it; a result is relevant when it shares at least one
    label of the group (Section IV-B). ``groups`` limits the work to some of the groups (the others stay NaN). Labels
    are compared as bit sets: a group takes whole 64-bit words, so that one gather serves all groups.
    """
    n, k = indices.shape
    chosen = range(len(slices)) if groups is None else groups
    words, places = _grouped_words(labels, slices)
    shape = (n, len(slices))
    kept = {name: np.full(shape, np.nan) for name in MEASURES}
    answered = np.zeros(shape, dtype=bool)
    totals = {}
    for g in chosen:
        queries = np.flatnonzero(labels[:, slices[g]].any(axis=1))
        totals[g] = np.zeros(n, dtype=np.int64)
        totals[g][queries] = count_relevant(labels[:, slices[g]], queries)
    for start in range(0, n, _BLOCK):
        part = np.arange(start, min(start + _BLOCK, n))
        neighbours = indices[part]
        shared = words[neighbours]
        shared &= words[part][:, None, :]
        for g in chosen:
            relevant = shared[:, :, places[g]].any(axis=2) & (neighbours >= 0)
            mine = np.flatnonzero(words[part][:, places[g]].any(axis=1))
            rows, relevant = part[mine], relevant[mine]
            total = totals[g][rows]
            kept["ap"][rows, g] = average_precision(relevant, total, denominator)
            kept["precision"][rows, g] = precision(relevant)
            kept["recall"][rows, g] = recall(relevant, total)
            kept["ndcg"][rows, g] = ndcg(relevant, total)
            answered[rows, g] = relevant.any(axis=1)
    return Scores(answered=answered, **kept)


def average_precision(
    relevant: np.ndarray, total_relevant: np.ndarray | None = None, denominator: str = "retrieved"
) -> np.ndarray:
    """AP of each query at the length of its list, Eq. (10): (1/M) sum_r p(r) rel(r).

    ``relevant`` is (q, k) bool, best result first; k is 50 unless told otherwise (``retrieval.nearest.DEFAULT_K``).
    The denominator M is ``retrieved``, the number of relevant images in the list (the paper's; also torchmetrics'),
    ``all``, the number of relevant images in the whole set, or ``min``, the smaller of that and k; the last two need
    ``total_relevant`` (q,). Returns (q,) float64 in [0, 1]. A list without a relevant image, 0/0 under the paper's
    reading, has AP 0.
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
    return _share(gained, count)


def precision(relevant: np.ndarray) -> np.ndarray:
    """The relevant share of each list of k, (q,); places without a result count as not relevant."""
    return np.asarray(relevant, dtype=bool).mean(axis=1, dtype=np.float64)


def recall(relevant: np.ndarray, total_relevant: np.ndarray) -> np.ndarray:
    """The share of all relevant images that the list holds, (q,); 0 where there are none."""
    return _share(np.asarray(relevant, dtype=bool).sum(axis=1), np.asarray(total_relevant))


def ndcg(relevant: np.ndarray, total_relevant: np.ndarray) -> np.ndarray:
    """Normalised discounted gain, gains 0 and 1 and discounts log2(rank + 1), (q,); 0 where nothing is relevant."""
    relevant = np.asarray(relevant, dtype=bool)
    discounts = 1 / np.log2(np.arange(2, relevant.shape[1] + 2))
    best = np.concatenate([[0.0], np.cumsum(discounts)])
    return _share(relevant @ discounts, best[np.minimum(total_relevant, relevant.shape[1])])


def relevance(labels: np.ndarray, indices: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Whether each result shares at least one label with its query (Section IV-B), (len(queries), k) bool.

    ``labels`` is (n, M_t) bool, one group's part of the label vectors; ``indices`` (n, k) neighbours, -1 for none,
    never relevant; ``queries`` the rows to judge.
    """
    words = _words(labels)
    relevant = np.zeros((len(queries), indices.shape[1]), dtype=bool)
    for start in range(0, len(queries), _BLOCK):
        part = queries[start : start + _BLOCK]
        neighbours = indices[part]
        relevant[start : start + _BLOCK] = (words[neighbours] & words[part][:, None]).any(axis=2) & (neighbours >= 0)
    return relevant


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


def means(values: np.ndarray) -> list[float | None]:
    """The mean over each group's queries, of (n, groups) with NaN; None for a group without queries."""
    counts = (~np.isnan(values)).sum(axis=0)
    sums = np.nansum(values, axis=0)
    return [float(s / c) if c else None for s, c in zip(sums, counts)]


def mean_of(groups: Mapping[str, Mapping[str, float | None]], name: str) -> float | None:
    """The mean of one measure over the groups with queries, each counted once, as the paper's; None without any."""
    known = [value for values in groups.values() if (value := values[name]) is not None]
    return float(np.sum(known, dtype=np.float64) / len(known)) if known else None


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part = np.asarray(part, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=np.asarray(whole) > 0)


def _grouped_words(labels: np.ndarray, slices: Sequence[slice]) -> tuple[np.ndarray, list[slice]]:
    """(n, W) uint64 in which every group has words of its own, and those words' places."""
    parts = [_words(labels[:, columns]) for columns in slices]
    ends = np.cumsum([part.shape[1] for part in parts])
    return np.concatenate(parts, axis=1), [slice(e - p.shape[1], e) for e, p in zip(ends.tolist(), parts)]


def _words(labels: np.ndarray) -> np.ndarray:
    """(n, M) bool -> (n, ceil(M / 64)) uint64 bit sets."""
    packed = np.packbits(np.asarray(labels, dtype=bool), axis=1)
    padded = np.zeros((len(packed), max(8, -(-packed.shape[1] // 8) * 8)), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)
