"""What a study has to run: each trial, and which of them can be run now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multiweight.study import parts
from multiweight.study.design import Experiment, Method, Study

REFERENCES, SEARCH, FINAL = "references", "search", "final"


@dataclass(frozen=True)
class Trial:
    """One training and its measurement; ``references`` measures the untrained nets and a random ranking instead."""

    purpose: str
    data: str
    method: Method | None = None
    rate: float = 0.0
    seed: int = 0
    iterations: int = 0

    @property
    def name(self) -> str:
        """Names the result file and the folder of the run, and says all that the trial is."""
        if self.method is None:
            return f"{self.data}_{self.purpose}"
        rate = f"{self.rate:g}".replace("+", "")
        return f"{self.data}_{self.purpose}_{self.method.name}_{rate}_{self.iterations}_{self.seed}"


Results = Mapping[str, Mapping[str, Any]]


def score(result: Mapping[str, Any]) -> float:
    """Mean mAP at the end of a trial; below every other where it diverged."""
    return float(result["points"][-1]["mean_map"]) if result["status"] == "done" else -1.0


def searched(study: Study, data: str, method: Method, results: Results) -> dict[float, Mapping[str, Any]]:
    """The finished trials of a method's search, by rate, lowest first."""
    found = {}
    for rate in _rates(study):
        trial = Trial(SEARCH, data, method, rate, study.search.seed, study.search.iterations)
        if trial.name in results:
            found[rate] = results[trial.name]
    return found


def best_rate(study: Study, data: str, method: Method, results: Results) -> float | None:
    """The rate with the highest mAP on the validation part, the lower of two equal; None while the search goes on."""
    if next(_search(study, data, method, results), None) is not None:
        return None
    found = searched(study, data, method, results)
    best = _best(found)
    return best if score(found[best]) >= 0 else None


def _best(found: Mapping[float, Mapping[str, Any]]) -> float:
    return max(found, key=lambda rate: (score(found[rate]), -rate))


def trials(study: Study, experiment: Experiment, results: Results) -> Iterator[Trial]:
    """Every trial of an experiment that can be named so far, finished or not, in the order to run them."""
    data = parts.name(experiment)
    yield Trial(REFERENCES, data)
    if experiment.rate is None:
        for method in experiment.methods:
            for rate in searched(study, data, method, results):
                yield Trial(SEARCH, data, method, rate, study.search.seed, study.search.iterations)
            yield from _search(study, data, method, results)
    for seed in study.seeds:
        for method in experiment.methods:
            chosen = experiment.rate or best_rate(study, data, method, results)
            if chosen is not None:
                yield final(study, experiment, method, chosen, seed)


def final(study: Study, experiment: Experiment, method: Method, rate: float, seed: int) -> Trial:
    length = experiment.lengths.get(method.name, study.iterations)
    return Trial(FINAL, parts.name(experiment), method, rate, seed, length)


def missing(study: Study, experiment: Experiment, results: Results) -> int:
    """Iterations that the experiment still needs, as far as is known: a search may be extended."""
    left = sum(t.iterations for t in trials(study, experiment, results) if t.name not in results)
    waiting = [
        m for m in experiment.methods
        if experiment.rate is None and best_rate(study, parts.name(experiment), m, results) is None
    ]  # fmt: skip
    return left + sum(experiment.lengths.get(m.name, study.iterations) for m in waiting) * len(study.seeds)


def _rates(study: Study) -> list[float]:
    rates, more = study.search.rates, study.search.extensions
    below = [rates[0] / 2**n for n in range(more, 0, -1)]
    return [float(f"{rate:g}") for rate in (*below, *rates, *(rates[-1] * 2**n for n in range(1, more + 1)))]


def _search(study: Study, data: str, method: Method, results: Results) -> Iterator[Trial]:
    """The trials that a search still needs: the rates of the file, then beyond the edge while the best lies on it."""

    def trial(rate: float) -> Trial:
        return Trial(SEARCH, data, method, rate, study.search.seed, study.search.iterations)

    known = _rates(study)
    listed = [float(f"{rate:g}") for rate in study.search.rates]
    open_ones = [trial(rate) for rate in listed if trial(rate).name not in results]
    if open_ones:
        yield from open_ones
        return
    found = searched(study, data, method, results)
    best = _best(found)
    if score(found[best]) < 0:
        # All diverged so far: only a lower rate can help.
        best = min(found)
    at = known.index(best)
    if best == min(found) and at > 0:
        yield trial(known[at - 1])
    elif best == max(found) and at + 1 < len(known) and score(found[best]) >= 0:
        yield trial(known[at + 1])
