"""The paper's methods, one record each, and the references that they are compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A method of the paper.

    ``title`` as tables show it; ``head`` of the net; ``scheme`` of gamma and its constant ``c``; ``iterations`` of
    training (Section IV-C); ``column``, its mAP@50 in groups.csv (Table III); ``colour`` in figures and on pages.
    """

    title: str
    head: str
    scheme: str
    c: float | None
    iterations: int
    column: str
    colour: str


#: By the name of the variant, in the paper's order. The colours are Okabe and Ito's, which people with colour-blindness
#: tell apart.
METHODS = {
    "multi_label": Method("multi-label", "multi_label", "ones", None, 200_000, "multi_label_map", "#0072B2"),
    "multi_task": Method("multi-task", "multi_task", "ones", None, 450_000, "multi_task_map", "#E69F00"),
    "multi_weight": Method("multi-weight", "multi_weight", "proportion", None, 450_000, "multi_weight_map", "#009E73"),
    "multi_weight_third": Method(
        "multi-weight 1/3", "multi_weight", "smoothed", 3.0, 450_000, "third_ratio_map", "#D55E00"
    ),
}
#: Colours of further methods, in turn.
MORE_COLOURS = ("#CC79A7", "#56B4E9", "#7A5195", "#8C6D31", "#636363", "#B8B03A")
#: Training of all methods but multi_label, iterations.
LONGEST = 450_000
#: The method whose net, before training, is the reference ``untrained``.
BASELINE = "multi_label"
#: The methods of Table III that a report compares with each other; the fourth varies the third.
COMPARED = ("multi_label", "multi_task", "multi_weight")
UNTRAINED, RANDOM = "untrained", "random"
REFERENCES = (UNTRAINED, RANDOM)
#: Names that no weights of the user's may have.
RESERVED = (*METHODS, *REFERENCES)


def title(variant: str) -> str:
    """The name of a variant as tables and figures show it."""
    return METHODS[variant].title if variant in METHODS else variant


def colours(variants: Iterable[str]) -> dict[str, str]:
    """A colour for each method: the paper's always have their own, others the further ones as they come."""
    others = [name for name in variants if name not in METHODS]
    fixed = {name: method.colour for name, method in METHODS.items()}
    return {**fixed, **{name: MORE_COLOURS[n % len(MORE_COLOURS)] for n, name in enumerate(others)}}


def spelled(variant: str) -> str:
    """A variant's name as its run has it: a method may be written as its make target is, ``multiweight-third``."""
    plain = variant.replace("-", "").replace("_", "").lower()
    return next((name for name in METHODS if name.replace("_", "") == plain), variant)


def preferred(variants: Iterable[str]) -> str | None:
    """Which of the runs is meant where none is named: the paper's last method, else the first of the user's."""
    names = in_order(variants)
    methods = [name for name in names if name in METHODS]
    return methods[-1] if methods else next((name for name in names if name not in REFERENCES), None)


def in_order(variants: Iterable[str]) -> list[str]:
    """Names of variants, the paper's methods first, then the references, then the user's as they come."""
    names = list(variants)
    return [name for name in RESERVED if name in names] + [name for name in names if name not in RESERVED]
