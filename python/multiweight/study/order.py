"""What a study has to run: each trial, and which of them can be run now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multiweight.nets.settings import NetSettings
from multiweight.paper.methods import RANDOM, UNTRAINED
from multiweight.study import parts
from multiweight.study.design import Experiment, Method, Study

SEARCH, FINAL = "search", "final"
#: Measured without training: nets with their initial weights, and a ranking drawn at random.
REFERENCES = (UNTRAINED, RANDOM)


@dataclass(frozen=True)
class Trial:
    """One training and its measurement; of ``untrained`` the net of ``trunk`` as ``seed`` draws it.

    ``drop`` is the experiment's own share of training after which the rate drops, None where it is the study's.
    """

    purpose: str
    data: str
    method: Method | None = None
    rate: float = 0.0
    seed: int = 0
    iterations: int = 0
    trunk: str = ""
    drop: float | None = None

    @property
    def name(self) -> str:
        """Names the row of the results and the folder of the run, and says all that the trial is."""
        if self.method is None:
            return "_".join([self.data, self.purpose, *([self.trunk, str(self.seed)] if self.trunk else [])])
        rate = f"{self.rate:g}".replace("+", "")
        length = f"{self.iterations}" + (f"-drop{self.drop:g}" if self.drop is not None else "")
        return f"{self.data}_{self.purpose}_{self.method.name}_{rate}_{length}_{self.seed}"


Results = Mapping[str, Mapping[str, Any]]


def score(result: Mapping[str, Any]) -> float:
    """Mean mAP at the end of a trial; below every other where it diverged."""
    return float(result["points"][-1]["mean_map"]) if result["status"] == "done" else -1.0


def trunk(study: Study) -> str:
    """The trunk of the study's nets."""
    return study.net.get("trunk") or NetSettings.trunk


def references(study: Study, data: str) -> list[Trial]:
    """The untrained nets of the study's trunk, a seed each, then of the paper's; then the random ranking."""
    trunks = dict.fromkeys([trunk(study), NetSettings.trunk])
    return [
        *(Trial(UNTRAINED, data, seed=seed, trunk=name) for name in trunks for seed in study.seeds),
        Trial(RANDOM, data),
    ]


def searched(study: Study, data: str, method: Method, results: Results) -> dict[float, list[Mapping[str, Any]]]:
    """The finished trials of a method's search, by rate, lowest first: one per seed."""
    by_rate = {}
    for rate in _rates(study):
        trials = [_searching(study, data, method, rate, second) for second in (False, True)]
        done = [results[trial.name] for trial in trials if trial.name in results]
        if done:
            by_rate[rate] = done
    return by_rate


def mean_score(results: list[Mapping[str, Any]]) -> float:
    """The mean over the seeds of a rate; one that diverged counts against it."""
    return sum(score(result) for result in results) / len(results)


def best_rate(study: Study, data: str, method: Method, results: Results) -> float | None:
    """The rate with the highest mAP on the validation part, the lower of two equal; None while the search goes on.

    Where rates are trained again, the best is one of those.
    """
    if _searching_still(study, data, method, results):
        return None
    by_rate = searched(study, data, method, results)
    most = max(len(trials) for trials in by_rate.values())
    best = _best({rate: trials for rate, trials in by_rate.items() if len(trials) == most})
    return best if mean_score(by_rate[best]) >= 0 else None


def _best(by_rate: Mapping[float, list[Mapping[str, Any]]]) -> float:
    return max(by_rate, key=lambda rate: (mean_score(by_rate[rate]), -rate))


def trials(study: Study, experiment: Experiment, results: Results) -> Iterator[Trial]:
    """Every trial of an experiment that can be named so far, finished or not, in the order to run them."""
    yield from references(study, parts.name(experiment))
    data = parts.searched_on(experiment)
    if experiment.rate is None:
        waiting: list[tuple[int, Trial]] = []
        repeated = _repeated(study, experiment, results)
        for method in experiment.methods:
            done = 0
            for rate, finished in searched(study, data, method, results).items():
                yield from (_searching(study, data, method, rate, bool(n)) for n in range(len(finished)))
                done += len(finished)
            left = _search(study, data, method, results)
            waiting += enumerate((t for t in left if t.seed == study.search.seed or method.name in repeated), done)
        # In turn over all methods, the one with the fewest trials first: a study that is stopped has compared them all.
        yield from (trial for _, trial in sorted(waiting, key=lambda pair: pair[0]))
    chosen = finalists(study, experiment, results)
    for seed in study.seeds_of(experiment):
        for method in experiment.methods:
            if method.name in chosen:
                yield final(study, experiment, method, chosen[method.name], seed)


def finalists(study: Study, experiment: Experiment, results: Results) -> dict[str, float]:
    """The rates, by name, of the methods that are trained to the end, as far as the search tells.

    Where the experiment sets their number, they are the first method and the best others of the search, once it is
    over.
    """
    if experiment.rate is not None:
        return {method.name: experiment.rate for method in experiment.methods}
    data = parts.searched_on(experiment)
    best = {method.name: best_rate(study, data, method, results) for method in experiment.methods}
    rates = {name: rate for name, rate in best.items() if rate is not None}
    if experiment.finalists is None:
        return rates
    first, *others = experiment.methods
    repeated = [] if _search_goes_on(study, experiment, results) else _repeated(study, experiment, results)
    scores = {
        other.name: mean_score(searched(study, data, other, results)[rates[other.name]])
        for other in others if other.name in rates and other.name in repeated
    }  # fmt: skip
    kept = sorted(scores, key=lambda name: -scores[name])[: experiment.finalists]
    return {name: rate for name, rate in rates.items() if name in (first.name, *kept)}


def final(study: Study, experiment: Experiment, method: Method, rate: float, seed: int) -> Trial:
    length = study.length_of(experiment, method)
    return Trial(FINAL, parts.name(experiment), method, rate, seed, length, drop=experiment.drop)


def missing(study: Study, experiment: Experiment, results: Results) -> int:
    """Iterations that the experiment still needs, as far as is known: a search may be extended."""
    left = sum(t.iterations for t in trials(study, experiment, results) if t.name not in results)
    if experiment.rate is not None or not _search_goes_on(study, experiment, results):
        return left
    chosen, data = finalists(study, experiment, results), parts.searched_on(experiment)
    if experiment.finalists is None:
        waiting = [m for m in experiment.methods if _searching_still(study, data, m, results)]
    else:
        others = [method for method in experiment.methods if method.name not in chosen]
        waiting = others[: 1 + experiment.finalists - len(chosen)]
    return left + sum(study.length_of(experiment, method) for method in waiting) * len(study.seeds_of(experiment))


def _repeated(study: Study, experiment: Experiment, results: Results) -> list[str]:
    """The methods that are searched with a second seed too: all.

    With ``finalists``, none until every method has its rates with the first seed; then the first method, and twice as
    many others as there are finalists, those with the highest mAP so far.
    """
    if experiment.finalists is None:
        return [method.name for method in experiment.methods]
    data, best = parts.searched_on(experiment), {}
    for method in experiment.methods:
        following = next(_search(study, data, method, results), None)
        if following is not None and following.seed == study.search.seed:
            return []
        best[method.name] = max(score(runs[0]) for runs in searched(study, data, method, results).values())
    first, *others = best
    return [first, *sorted(others, key=lambda name: -best[name])[: 2 * experiment.finalists]]


def _search_goes_on(study: Study, experiment: Experiment, results: Results) -> bool:
    """Whether an experiment's search has trials left to run."""
    data, repeated = parts.searched_on(experiment), _repeated(study, experiment, results)
    methods = [method for method in experiment.methods if method.name in repeated]
    return not methods or any(_searching_still(study, data, method, results) for method in methods)


def _rates(study: Study) -> list[float]:
    rates, more = study.search.rates, study.search.extensions
    below = [rates[0] / 2**n for n in range(more, 0, -1)]
    return [float(f"{rate:g}") for rate in (*below, *rates, *(rates[-1] * 2**n for n in range(1, more + 1)))]


def _searching(study: Study, data: str, method: Method, rate: float, second: bool = False) -> Trial:
    return Trial(SEARCH, data, method, rate, study.search.seed + second, study.search.iterations)


def _searching_still(study: Study, data: str, method: Method, results: Results) -> bool:
    """Whether a method's search has trials left to run."""
    return next(_search(study, data, method, results), None) is not None


def _search(study: Study, data: str, method: Method, results: Results) -> Iterator[Trial]:
    """The trials that a search still needs.

    The rates of the file, then beyond the edge while the best lies on it, then the best ones again.
    """
    known = _rates(study)
    listed = [float(f"{rate:g}") for rate in study.search.rates]
    open_ones = [trial for rate in listed if (trial := _searching(study, data, method, rate)).name not in results]
    if open_ones:
        yield from open_ones
        return
    by_rate = {rate: trials[:1] for rate, trials in searched(study, data, method, results).items()}
    best = _best(by_rate)
    if mean_score(by_rate[best]) < 0:
        # All diverged so far: only a lower rate can help.
        best = min(by_rate)
    at = known.index(best)
    if best == min(by_rate) and at > 0:
        yield _searching(study, data, method, known[at - 1])
        return
    if best == max(by_rate) and at + 1 < len(known) and mean_score(by_rate[best]) >= 0:
        yield _searching(study, data, method, known[at + 1])
        return
    ranked = sorted(by_rate, key=lambda rate: (-mean_score(by_rate[rate]), rate))[: study.search.again]
    for rate in ranked:
        again = _searching(study, data, method, rate, second=True)
        if mean_score(by_rate[rate]) >= 0 and again.name not in results:
            yield again
