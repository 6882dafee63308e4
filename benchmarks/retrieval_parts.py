"""What the benchmarks of the search share: rows with the spectrum of real fc7, and where a search's time goes."""

from __future__ import annotations

import time

import numpy as np

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: Share of fc7's variance in its first principal directions: 35,588 photos of Fashion Product Images, half-width net,
#: multi-weight 1/3, 600 iterations (docs/RETRIEVAL.md).
SPECTRUM = {1: 0.430, 2: 0.751, 4: 0.931, 8: 0.976, 16: 0.988, 32: 0.9935, 64: 0.9964, 128: 0.9980, 256: 0.9990,
            512: 0.9996}  # fmt: skip
#: Length of fc7's mean, in lengths of what differs from it.
MEAN = 2.6


class Falling:
    """Normal rows of ``d`` values with that spectrum in random directions, and a common mean."""

    def __init__(self, d: int, seed: int = 1):
        self.generator = np.random.default_rng(seed)
        known = {rank: share for rank, share in SPECTRUM.items() if rank < d}
        self.scales, before, so_far = np.empty(d, np.float32), 0, 0.0
        for rank, share in [*known.items(), (d, 1.0)]:
            self.scales[before:rank] = np.sqrt((share - so_far) / (rank - before))
            before, so_far = rank, share
        self.turned = max(known, default=1)
        basis = self.generator.standard_normal((d, self.turned))
        self.directions = np.ascontiguousarray(np.linalg.qr(basis)[0].T, np.float32)
        self.directions *= self.scales[: self.turned, None]
        self.mean = np.float32(MEAN / np.sqrt(d))

    def rows(self, n: int) -> np.ndarray:
        """(n, d) float32."""
        x = self.generator.standard_normal((n, self.turned), dtype=np.float32) @ self.directions
        return x + self.scales[-1] * self.generator.standard_normal(x.shape, dtype=np.float32) + self.mean


class Shares:
    """Counts and times the parts of a search, each in the thread that does it."""

    def __init__(self) -> None:
        from multiweight.retrieval import exact, matmul_screen, principal, projected, projected_screen, ranking, rows

        self.spent: dict[str, float] = {}
        self.directions, self.pairs = 0, 0
        for name, owner, methods in (
            ("reading and squares", rows.Rows, ["__init__"]),
            ("finding directions", principal, ["directions"]),
            ("points", projected.Space, ["centred"]),
            ("first limits", projected_screen.ProjectedScreen, ["raise_limits"]),
            ("first limits", projected_screen, ["places"]),
            ("product", projected_screen.ProjectedScreen, ["_multiply"]),
            ("selection", projected_screen.ProjectedScreen, ["_select"]),
            ("whole rows", matmul_screen.MatmulScreen, ["pairs"]),
            ("exact scores", exact.ExactScores, ["pairs", "many_to_many"]),
            ("ranking", ranking.Ranking, ["offer"]),
        ):
            for method in methods:
                self._time(name, owner, method)
        self._count(exact.ExactScores, principal)

    def _time(self, name: str, owner: object, method: str) -> None:
        way = getattr(owner, method)

        def timed(*args: object, **options: object) -> object:
            started = time.thread_time()
            try:
                return way(*args, **options)
            finally:
                self.spent[name] = self.spent.get(name, 0.0) + time.thread_time() - started

        setattr(owner, method, timed)

    def _count(self, exact: type, principal: object) -> None:
        score, choose = exact.pairs, principal.choose  # type: ignore[attr-defined]

        def pairs(exact_scores: object, a: object, rows: np.ndarray, *rest: object) -> object:
            self.pairs += len(rows)
            return score(exact_scores, a, rows, *rest)

        def chosen(*args: object) -> object:
            result = choose(*args)
            self.directions = 0 if result is None else len(result.values)
            return result

        exact.pairs, principal.choose = pairs, chosen  # type: ignore[attr-defined]
