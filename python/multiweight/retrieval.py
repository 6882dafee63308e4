"""Exact top-k of a set of features against itself, and average precision: plain array functions."""

from __future__ import annotations

import hashlib
from typing import Any, Callable

import numpy as np

from multiweight.errors import UserError

METRICS = ("cosine", "euclidean")
DENOMINATORS = ("retrieved", "all", "min")
DEFAULT_K = 50
DEFAULT_MEMORY = 256 * 2**20

_U32, _U64 = 2.0**-24, 2.0**-53

Progress = Callable[[int], Any]


def top_k(
    features: np.ndarray,
    k: int = DEFAULT_K,
    metric: str = "cosine",
    *,
    block: int | None = None,
    memory: int = DEFAULT_MEMORY,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` nearest other rows of every row, best first.

    ``features`` is (n, d), used as float32; NaN or infinity in it is a UserError that names the row. ``metric`` is
    ``cosine`` (similarity; a zero vector has similarity 0 with everything) or ``euclidean`` (the score is minus the
    distance). Returns ``indices`` (n, k) int64 and ``scores`` (n, k) float32, larger is nearer; where fewer than k
    other rows exist the rest is -1 and -inf. A row is never its own neighbour (the paper leaves it open; a query that
    finds itself would raise every figure).

    A score is the float64 value rounded to float32 and equal scores are ordered by index, so the answer does not depend
    on ``block`` (queries at a time; default: what fits ``memory`` bytes) nor on the BLAS: its float32 product only
    screens, within the rounding-error bound of a dot product, and the survivors are scored again in float64.
    ``progress`` is called with the number of rows finished.
    """
    features = check_features(features)
    n = len(features)
    if k < 1:
        raise UserError(f"k = {k}: expected 1 or more")
    search = _Search(features, metric)
    indices = np.full((n, k), -1, dtype=np.int64)
    scores = np.full((n, k), -np.inf, dtype=np.float32)
    wanted = min(k, n - 1)
    if wanted < 1:
        return indices, scores
    if block is None:
        # A block holds its similarities, a copy that np.partition makes, and in the worst case float64 ones.
        block = max(1, min(n, memory // (n * 16)))
    for start in range(0, n, block):
        rows = np.arange(start, min(start + block, n))
        for row, candidates in zip(rows, search.candidates(rows, wanted)):
            values = search.score(int(row), candidates)
            order = np.lexsort((candidates, -values))[:wanted]
            indices[row, :wanted] = candidates[order]
            scores[row, :wanted] = values[order]
        if progress is not None:
            progress(len(rows))
    return indices, scores


def random_k(n: int, k: int = DEFAULT_K, seed: int = 1) -> np.ndarray:
    """A random ranking: for each of ``n`` rows, ``k`` distinct other rows in random order, (n, k) int64, -1 as padding.

    The ``seed`` decides; every ordered choice is equally likely. The reference row of the reports.
    """
    if k < 1:
        raise UserError(f"k = {k}: expected 1 or more")
    generator = np.random.default_rng(seed)
    indices = np.full((n, k), -1, dtype=np.int64)
    others, wanted = n - 1, min(k, n - 1)
    if wanted < 1:
        return indices
    if others >= 2 * wanted * wanted:
        # Drawing a row again until it has no duplicate keeps the choice uniform, at no more than a few draws.
        drawn = generator.integers(0, others, size=(n, wanted))
        while True:
            ordered = np.sort(drawn, axis=1)
            again = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
            if not len(again):
                break
            drawn[again] = generator.integers(0, others, size=(len(again), wanted))
    else:
        drawn = np.stack([generator.permutation(others)[:wanted] for _ in range(n)])
    indices[:, :wanted] = drawn + (drawn >= np.arange(n)[:, None])
    return indices


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


def check_features(features: np.ndarray) -> np.ndarray:
    """``features`` as a C-ordered (n, d) float32 matrix; UserError names the first row with NaN or infinity."""
    features = np.ascontiguousarray(features, dtype=np.float32)
    if features.ndim != 2 or features.shape[1] == 0:
        raise UserError(f"features have shape {features.shape}: expected (images, values)")
    bad = bad_rows(features)
    if len(bad):
        raise UserError(f"features of row {bad[0]} hold NaN or infinity ({len(bad)} such rows)")
    return features


def bad_rows(features: np.ndarray) -> np.ndarray:
    """Rows that hold NaN or infinity, as indices."""
    return np.flatnonzero(~np.isfinite(features).all(axis=1))


def zero_rows(features: np.ndarray) -> np.ndarray:
    """Rows of zeros alone, as indices: their cosine with anything is undefined, and taken as 0."""
    return np.flatnonzero(~features.any(axis=1))


def _words(labels: np.ndarray) -> np.ndarray:
    """(n, M) bool -> (n, ceil(M / 64)) uint64 bit sets."""
    packed = np.packbits(np.asarray(labels, dtype=bool), axis=1)
    padded = np.zeros((len(packed), max(8, -(-packed.shape[1] // 8) * 8)), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


class _Search:
    """Screening by matrix product and exact scores of one set of features."""

    def __init__(self, features: np.ndarray, metric: str):
        if metric not in METRICS:
            raise UserError(f"metric {metric!r} is unknown: expected one of {', '.join(METRICS)}")
        self.features, self.cosine = features, metric == "cosine"
        n, d = features.shape
        self.norms = np.array([np.sqrt(np.square(row.astype(np.float64)).sum()) for row in features])
        largest = self.norms.max(initial=0.0)
        # Scaled to length 1 (cosine) or to lengths of at most 1 (euclidean), all products are at most 1, nothing
        # overflows, and a dot product in any order of summation is off by less than about d * 2^-24.
        divisor = self.norms if self.cosine else np.full(n, largest)
        self.divisor = np.where(divisor > 0, divisor, 1.0)
        self.scaled = np.empty_like(features)
        for start in range(0, n, 1024):
            part = slice(start, start + 1024)
            self.scaled[part] = features[part] / self.divisor[part, None]
        # Ranking by a.b - |b|^2/2 is ranking by distance: |a - b|^2 = |a|^2 - 2 (a.b - |b|^2/2).
        self.bias = None if self.cosine else -0.5 * np.square(self.norms / self.divisor)
        self.error32, self.error64 = (d + 16) * _U32, (d + 16) * _U64
        # Scores that differ, but are equal once rounded to float32, must all survive to be ordered by index.
        # Cosines that round to one float32 lie within 2^-24; of distances up to 2, half the squares lie within 2^-21.
        self.rounding = (2 if self.cosine else 12) * _U32
        self.first = _first_of_equals(features)

    def candidates(self, rows: np.ndarray, k: int) -> list[np.ndarray]:
        """For each of ``rows``, ascending indices among which its k best certainly are."""
        product = self.scaled[rows] @ self.scaled.T
        if self.bias is not None:
            product += self.bias.astype(np.float32)
        found = _survivors(product, rows, k, 2 * self.error32 + self.rounding)
        # Features that hardly differ (an untrained net's) survive by the thousand: a float64 product parts them.
        crowded = np.array([len(one) > 8 * k + 256 for one in found])
        if crowded.any():
            again = np.flatnonzero(crowded)
            del product
            for at, one in zip(again, self._candidates64(rows[again], k)):
                found[at] = one
        return found

    def _candidates64(self, rows: np.ndarray, k: int) -> list[np.ndarray]:
        n = len(self.features)
        queries = self.features[rows] / self.divisor[rows, None]
        product = np.empty((len(rows), n))
        for start in range(0, n, 2048):
            part = slice(start, start + 2048)
            product[:, part] = queries @ (self.features[part] / self.divisor[part, None]).T
        if self.bias is not None:
            product += self.bias
        return _survivors(product, rows, k, 2 * self.error64 + self.rounding)

    def score(self, row: int, candidates: np.ndarray) -> np.ndarray:
        """Exact scores, float64 rounded to float32; equal vectors are computed once, so a dead net costs no more."""
        distinct, place = np.unique(self.first[candidates], return_inverse=True)
        query = self.features[row].astype(np.float64)
        values = np.empty(len(distinct))
        for start in range(0, len(distinct), 512):
            part = distinct[start : start + 512]
            others = self.features[part].astype(np.float64)
            if self.cosine:
                lengths = self.norms[part] * self.norms[row]
                dots = (others * query).sum(axis=1)
                values[start : start + 512] = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
            else:
                values[start : start + 512] = -np.sqrt(np.square(others - query).sum(axis=1))
        return values.astype(np.float32)[place]


def _survivors(product: np.ndarray, rows: np.ndarray, k: int, margin: float) -> list[np.ndarray]:
    n = product.shape[1]
    product[np.arange(len(rows)), rows] = -np.inf
    limit = np.partition(product, n - k, axis=1)[:, n - k].astype(np.float64) - margin
    return [np.flatnonzero(values >= low) for values, low in zip(product, limit)]


def _first_of_equals(features: np.ndarray) -> np.ndarray:
    """For each row, the index of the first row with the same bytes (compared by digest, to hold no second copy)."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in features)
    return np.array([seen.setdefault(digest, at) for at, digest in enumerate(digests)], dtype=np.int64)
