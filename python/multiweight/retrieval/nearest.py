"""Nearest neighbours of features: top_k, which other sub-packages call, and a random ranking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any, Callable, Union

import h5py
import numpy as np

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.features import features_file
from multiweight.retrieval import joining, matmul, plan, principal, search
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.ranking import Ranking
from multiweight.retrieval.rows import Rows
from multiweight.retrieval.state import State

METRICS = ("cosine", "euclidean")
DEFAULT_K = 50
DEFAULT_MEMORY = 2 << 30

Features = Union[np.ndarray, h5py.Dataset, Rows, str, Path]


def top_k(
    features: Features,
    k: int = DEFAULT_K,
    metric: str = "cosine",
    candidates: Features | None = None,
    memory: int = DEFAULT_MEMORY,
    *,
    block: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    state: str | Path | None = None,
    progress: Callable[[int], Any] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` nearest rows of every row of ``features``, best first, exactly.

    ``features`` is (n, d), used as float32: an array, an open HDF5 dataset or a features.h5, the last two read by
    parts. Without ``candidates`` the set is searched for itself, and a row is never its own neighbour (the paper leaves
    it open; a query that finds itself would raise every figure); with them, queries are sought in another set.
    ``metric`` is ``cosine`` (similarity; a zero vector has similarity 0 with everything) or ``euclidean`` (the score
    is minus the distance). Returns ``indices`` (n, k) int64 and ``scores`` (n, k) float32, larger is nearer; where
    fewer than k other rows exist the rest is -1 and -inf.

    A score is a float64 value defined by correctly rounded sums, rounded to float32 (``exact.py``), and equal
    scores are ordered by index. The answer therefore does not depend on ``memory`` (bytes beside the arrays given),
    ``block`` (rows per product), ``threads`` (default: OMP_NUM_THREADS, else the cores), ``device`` (``cpu``, ``cuda``,
    ...; default: a GPU where PyTorch has one) nor the number of processes: under torchrun each does a part of the
    work, and all return the whole. ``state`` names a file that keeps finished parts; given again, the search goes on.
    ``progress`` is called with the number of rows finished.

    UserError: NaN or infinity (the rows by name), two sets of different width or of different weights, a state of
    another search, a memory too small for one strip of rows, a device that PyTorch cannot use.
    """
    if metric not in METRICS:
        raise UserError(f"metric {metric!r} is unknown: expected one of {', '.join(METRICS)}")
    for name, value in (("k", k), ("memory", memory), ("block", block), ("threads", threads)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral) or value < 1):
            raise UserError(f"{name} = {value!r}: expected a whole number, 1 or more")
    with rows_of(features) as queries, rows_of(candidates, source="candidates") as others:
        if others is not None and others.d != queries.d:
            raise UserError(f"queries of {queries.d} values, candidates of {others.d}: expected features of one net")
        known = others is not None and None not in (queries.weights, others.weights)
        if known and queries.weights != others.weights:
            raise UserError(
                f"queries of {queries.weights}, candidates of {others.weights} (blob, hash of the weights): features "
                "of two nets cannot be compared: extract both with the same weights"
            )
        try:
            result = Ranking(queries.n, k)
        except (MemoryError, ValueError, OverflowError):
            raise UserError(f"k = {k}: lists of that length for {queries.n} rows do not fit into memory") from None
        wanted = min(k, queries.n - 1 if others is None else others.n)
        if wanted >= 1 and queries.n:
            space = Space(metric == "cosine", [queries, queries if others is None else others])
            matmuls = matmul.available(queries.d, device)
            directions = None
            if matmuls[0].name == "float32":  # a GPU multiplies whole rows sooner
                with matmul.limit_blas_threads(matmuls[0], 1, 1)[0]:
                    directions = principal.directions(space, queries, others, wanted, memory)
            kept = joining.agree(0 if directions is None else len(directions.values))
            sizes = plan.plan(queries, others, wanted, memory, engine.processes(), block, kept)
            with search.Search(queries, others, wanted, space, sizes, matmuls, directions, threads) as running:
                identity = {"k": wanted, "metric": metric, "panel": sizes.panel, "processes": engine.processes()}
                if state is not None:
                    identity["queries"] = queries.fingerprint()
                    identity["candidates"] = None if others is None else others.fingerprint()
                _work(running, state, identity, progress)
                result.indices[:, :wanted], result.scores[:, :wanted] = (
                    running.ranking.indices,
                    running.ranking.scores,
                )
    return result.indices, result.scores


def _work(
    running: search.Search,
    path: str | Path | None,
    identity: dict[str, Any],
    progress: Callable[[int], Any] | None,
) -> None:
    """Do this process's tiles, and share what all found."""
    tiles = list(enumerate(running.tiles()))[engine.process() :: engine.processes()]
    kept = None
    if path is not None:
        path = Path(path)
        if engine.processes() > 1:
            path = path.with_name(f"{path.name}.{engine.process()}")
        kept = State(path, identity, running.ranking)
        running.scoring.raise_limits_to_ranking()
    told, total = 0.0, sum(len(a) * len(b) for _, (a, b) in tiles)

    def tell(more: float) -> None:
        nonlocal told
        before, told = told, told + more
        if progress is not None:
            progress(int(round(told * running.queries.n)) - int(round(before * running.queries.n)))

    for number, (rows, columns) in tiles:
        share = len(rows) * len(columns) / total
        if kept is not None and number in kept.done:
            tell(share)
            continue
        running.search_tile(rows, columns, lambda part, share=share: tell(part * share))  # type: ignore[misc]
        if kept is not None:
            kept.save(number)
    joining.share(running.ranking)


@contextmanager
def rows_of(features: Features | None, names: Sequence[str] | None = None, source: str = "features") -> Iterator[Any]:
    """:class:`rows.Rows` of an array, an HDF5 dataset or a features file; None of None."""
    if features is None:
        yield None
    elif isinstance(features, Rows):
        yield features
    elif isinstance(features, (str, Path)):
        with features_file.opened(features) as (values, keys, attributes):
            weights = attributes.get("weights_sha256")
            name = None if weights is None else f"{attributes['blob']} {weights}"
            yield Rows(values, keys, name, str(features))
    else:
        yield Rows(features, names, source=source)


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
