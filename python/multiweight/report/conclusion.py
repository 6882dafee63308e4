"""What a report says in words: which method leads, by how much, and whether that is clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from multiweight.report.comparisons import SURE, Comparison
from multiweight.report.results import Result, lengths, percent

# Of more runs than these the shorter ones alone are named.
_NAMED = 6


@dataclass(frozen=True)
class Line:
    """A sentence about one method."""

    variant: str
    name: str
    text: str


@dataclass(frozen=True)
class Conclusion:
    """``lead`` is the sentence about the method that leads, ``others`` one line a further method, the nearest first.

    ``caution`` is a sentence where the runs differ in length, else empty.
    """

    lead: str
    others: list[Line]
    caution: str


def of(evaluated: Sequence[Result], pairs: Sequence[Comparison]) -> Conclusion | None:
    """The conclusion of evaluated methods; None where no trained one has a mean mAP.

    ``pairs`` are the tests between methods; a difference without one is told as not tested, one with p of at least
    0.05 as not clear.
    """
    ranked = sorted((r for r in evaluated if r.trained and r.mean is not None), key=lambda r: -(r.mean or 0.0))
    if not ranked:
        return None
    first, rest = ranked[0], ranked[1:]
    k, scored = first.evaluation["k"], sum(first.map(group) is not None for group in first.evaluation["groups"])
    groups = f"{scored} group{'s' if scored != 1 else ''}"
    if not rest:
        alone = f"{first.name} alone was evaluated: mean mAP@{k} {percent(first.mean)} over {groups}."
        return Conclusion(alone, [], "")
    lines = [Line(r.variant, r.name, _behind(first, r, pairs)) for r in rest]
    lead = f"{first.name} leads with a mean mAP@{k} of {percent(first.mean)} over {groups}."
    return Conclusion(lead, lines, _lengths(ranked))


def _behind(first: Result, other: Result, pairs: Sequence[Comparison]) -> str:
    points = 100 * ((first.mean or 0.0) - (other.mean or 0.0))
    if round(points, 2) == 0:
        return "equal in the mean"
    wanted = {first.variant, other.variant}
    test = next((pair.difference for pair in pairs if {pair.first.variant, pair.second.variant} == wanted), None)
    if test is None:
        clear = "not tested"
    elif test.mean_p < SURE:
        clear = f"clear, p = {test.mean_p:.2g}"
    else:
        clear = f"not clear, p = {test.mean_p:.2g}"
    return f"{points:.2f} points behind ({clear})"


def _lengths(trained: Sequence[Result]) -> str:
    known = lengths(trained)
    if not known:
        return ""
    longest = max(known.values())
    named = [r for r in trained if r.variant in known and (len(known) <= _NAMED or known[r.variant] < longest)]
    told = ", ".join(f"{r.name} {known[r.variant]:,}" for r in named)
    told += f", the others {longest:,}" if len(named) < len(known) else ""
    return f"The runs are of different length, so their difference is not the methods' alone (iterations: {told})."
