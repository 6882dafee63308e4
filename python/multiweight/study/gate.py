"""Whether the nets of an experiment have learned: where they have not, comparing them says nothing about weights."""

from __future__ import annotations

import math
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


def check(study: Study, result: Findings) -> Gate:
    """The conditions on an experiment with a finished trial."""
    best = result.best
    value, own = best.estimate().value, result.untrained_map()
    papers = [untrained_run["points"][-1]["mean_map"] for untrained_run in result.paper_untrained]
    any_net = max(own, float(np.mean(papers)) if papers else own)
    groups = result.groups
    needed = math.floor(GROUPS * len(groups))
    above = sum(best.estimate(group).value > result.untrained_map(group) for group in groups)
    checks = [
        _points("best method above the untrained net of its trunk", value - own, ABOVE_OWN),
        _points("best method above the best untrained net, of its trunk or the paper's", value - any_net, ABOVE_ANY),
        Check(
            "groups in which it is above its own untrained net", f"{above} of {len(groups)}", f"{needed} or more",
            above >= needed,
        ),
        *(_flat(study, line) for line in result.lines),
    ]  # fmt: skip
    return Gate(tuple(checks), best.method.name, value)


def _points(name: str, value: float, expected: float) -> Check:
    return Check(name, f"{100 * value:+.2f}", f"+{expected:.0f} or more", 100 * value >= expected)


def _flat(study: Study, line: Line) -> Check:
    name, expected = f"last tenth of {title(line.method.name)}", f"less than +{LAST_TENTH}"
    iterations, values = line.curve()
    last = iterations[-1]
    before = np.flatnonzero((iterations >= study.drop * last) & (iterations <= 0.9 * last))
    if not len(before):
        return Check(name, "not measured", expected, False)
    gained = 100 * float((values[:, -1] - values[:, before[-1]]).mean())
    return Check(name, f"{gained:+.2f}", expected, gained < LAST_TENTH)
