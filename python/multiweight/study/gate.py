"""Whether the nets of an experiment have learned: where they have not, comparing them says nothing about weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multiweight.paper.methods import title
from multiweight.study.design import Study
from multiweight.study.findings import Findings, Line

#: Points of mean mAP@50 that the best method must lie above the untrained net of its trunk, and above the best
#: untrained net at hand.
ABOVE_OWN, ABOVE_ANY = 12.0, 8.0
#: The share of the groups in which it must lie above its own untrained net: 24 of 29.
GROUPS = 5 / 6
#: Points that a method's last tenth may still gain, after the last drop of the rate.
LAST_TENTH = 0.5
UNDERTRAINED = "undertrained: no conclusion"


@dataclass(frozen=True)
class Check:
    """One condition: what was found and what was expected, as text; ``passed`` is False where it was not measured."""

    name: str
    value: str
    expected: str
    passed: bool


@dataclass(frozen=True)
class Gate:
    """All conditions of an experiment, and its best method."""

    checks: tuple[Check, ...]
    best: str
    value: float

    @property
    def valid(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """``valid`` or what it is instead, with the best figure reached."""
        return (
            f"{'valid' if self.valid else UNDERTRAINED} (best mean mAP@50 {100 * self.value:.2f}, {title(self.best)})"
        )


def check(study: Study, *results: Findings) -> Gate:
    """The conditions on an experiment with a finished trial, or on several shops at one position: means over them."""
    names = [line.method.name for line in results[0].lines]
    lines = {name: [line for result in results for line in result.lines if line.method.name == name] for name in names}
    values = {name: _mean([line.estimate().value for line in lines[name]]) for name in names}
    best = max(names, key=lambda name: values[name])
    own = _mean([result.untrained_map() for result in results])
    papers = [run["points"][-1]["mean_map"] for result in results for run in result.paper_untrained]
    any_net = max(own, _mean(papers)) if papers else own
    groups = results[0].groups
    needed = math.floor(GROUPS * len(groups))
    above = sum(
        _mean([line.estimate(group).value for line in lines[best]])
        > _mean([result.untrained_map(group) for result in results])
        for group in groups
    )
    checks = [
        _points("best method above the untrained net of its trunk", values[best] - own, ABOVE_OWN),
        _points("best method above the best untrained net, of its trunk or the paper's", values[best] - any_net,
                ABOVE_ANY),
        Check(
            "groups in which it is above its own untrained net", f"{above} of {len(groups)}", f"{needed} or more",
            above >= needed,
        ),
        *(_flat(study.drop_of(results[0].experiment.drop), name, lines[name]) for name in names),
    ]  # fmt: skip
    return Gate(tuple(checks), best, values[best])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _points(name: str, value: float, expected: float) -> Check:
    return Check(name, f"{100 * value:+.2f}", f"+{expected:.0f} or more", 100 * value >= expected)


def _flat(drop: float, method: str, lines: Sequence[Line]) -> Check:
    name, expected = f"last tenth of {title(method)}", f"less than +{LAST_TENTH}"
    gains = []
    for line in lines:
        iterations, values = line.curve()
        last = iterations[-1]
        before = np.flatnonzero((iterations >= drop * last) & (iterations <= 0.9 * last))
        if not len(before):
            return Check(name, "not measured", expected, False)
        gains.append(100 * float((values[:, -1] - values[:, before[-1]]).mean()))
    return Check(name, f"{_mean(gains):+.2f}", expected, _mean(gains) < LAST_TENTH)
