"""gamma, the weight of each group's loss (Eq. 3): one function a scheme, each with its source."""

from __future__ import annotations

import csv
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import numpy as np

from multiweight.errors import UserError

SchemeFunction = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Scheme:
    """A registered way from proportions to gamma; ``uses_c`` tells whether the constant c of Eq. 11 matters to it."""

    name: str
    function: SchemeFunction
    source: str
    uses_c: bool


SCHEMES: dict[str, Scheme] = {}


def scheme(name: str, source: str, uses_c: bool = False) -> Callable[[SchemeFunction], SchemeFunction]:
    """Register ``function(proportions, c) -> gamma`` (float64 vectors, one entry a group) under ``name``."""

    def register(function: SchemeFunction) -> SchemeFunction:
        SCHEMES[name] = Scheme(name, function, source, uses_c)
        return function

    return register


@scheme("ones", "Section III: multi-task learning, all losses equal")
def ones(r: np.ndarray, c: float) -> np.ndarray:
    return np.ones_like(r)


@scheme("proportion", "Section IV-C: gamma_t = r_t")
def proportion(r: np.ndarray, c: float) -> np.ndarray:
    return r.copy()


@scheme("smoothed", "Eq. (11): r_t where r_t >= r_avg/c, else r_avg/c", uses_c=True)
def smoothed(r: np.ndarray, c: float) -> np.ndarray:
    floor = r.mean() / c
    return np.where(r >= floor, r, floor)


@scheme("inverse_smoothed", "the other reading of Section IV-E: 1/max(r_t, r_avg/c)", uses_c=True)
def inverse_smoothed(r: np.ndarray, c: float) -> np.ndarray:
    return 1.0 / np.maximum(r, r.mean() / c)


@dataclass(frozen=True)
class Gamma:
    """The weights of one training, and all that is needed to say where they came from.

    ``values`` and ``proportions`` map group name to float, in catalog order. ``scheme`` is a registered name, a path to
    a CSV, or ``module:function``; ``c`` is None where it played no part.
    """

    values: dict[str, float]
    scheme: str
    source: str
    c: float | None = None
    rescale: bool = False
    proportions: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """sum(gamma): with the batch's losses equal, the factor on the shared layers' effective learning rate."""
        return math.fsum(self.values.values())

    def describe(self) -> str:
        """One line: scheme, c, rescaling and source."""
        parts = [f"gamma scheme {self.scheme}"]
        if self.c is not None:
            parts.append(f"c = {self.c:g}")
        if self.rescale:
            parts.append("rescaled to sum(gamma) = T")
        return ", ".join(parts) + f" ({self.source})"


def proportions(counts: Mapping[str, int]) -> dict[str, float]:
    """r_t of Section IV-C: images that carry a label of the group, divided by the largest such number.

    ``counts`` maps group name to the number of TRAINING images with at least one of its labels; the test split must
    not take part. UserError when no group has any image, or a count is negative.
    """
    for group, count in counts.items():
        if count < 0:
            raise UserError(f"group {group!r}: {count} training images: a count cannot be negative")
    largest = max(counts.values(), default=0)
    if largest == 0:
        raise UserError("no training image carries a label of any group: check the records and the catalog")
    return {group: count / largest for group, count in counts.items()}


def compute(
    scheme: str,
    proportions: Mapping[str, float],
    *,
    c: float = 3.0,
    rescale: bool = False,
    counts: Mapping[str, int] | None = None,
) -> Gamma:
    """gamma for every group of ``proportions``, in its order.

    ``scheme`` is one of SCHEMES, a path to a CSV ``group,gamma``, or ``module:function``: code of yours, imported and
    called as ``function(proportions, counts)`` with two dicts by group name (counts is empty where only proportions are
    known); it returns a dict, or a sequence in that order. ``c`` divides the mean proportion (Eq. 11). ``rescale``
    multiplies all weights by one factor so that they sum to the number of groups, which keeps the step size of the
    shared layers comparable with gamma = 1. UserError for an unknown scheme or group, a missing one, and a weight that
    is negative, not finite, or zero everywhere.
    """
    if not proportions:
        raise UserError("no groups to weight")
    for group, value in proportions.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise UserError(f"group {group!r}: proportion {value!r}: expected 0 to 1")
    if not (math.isfinite(c) and c > 0):
        raise UserError(f"c = {c!r}: the constant of Eq. (11) must be above 0 (the paper's is 3)")
    names, used_c = tuple(proportions), None
    if scheme in SCHEMES:
        entry = SCHEMES[scheme]
        source, used_c = entry.source, (c if entry.uses_c else None)
        r = np.array([proportions[name] for name in names], dtype=np.float64)
        values = dict(zip(names, entry.function(r, c).tolist()))
    elif scheme.endswith(".csv"):
        source = f"read from {Path(scheme).name}"
        values = _ordered(read_gamma(scheme), names, scheme)
    elif ":" in scheme:
        source = "the user's own function"
        values = _call(scheme, dict(proportions), dict(counts or {}))
    else:
        known = ", ".join(SCHEMES)
        raise UserError(
            f"weight scheme {scheme!r} is unknown: expected {known}, a file ending in .csv, or module:function"
        )
    _check(values, scheme)
    if rescale:
        factor = len(values) / math.fsum(values.values())
        values = {name: value * factor for name, value in values.items()}
    return Gamma(values, scheme, source, used_c, rescale, dict(proportions))


def read_gamma(path: str | Path) -> dict[str, float]:
    """Read ``group,gamma`` (UTF-8, that header, lines starting with # are comments); UserError names the line."""
    values: dict[str, float] = {}
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{path}: the weights cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    header = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = next(csv.reader([line]))
        if header is None:
            header = [cell.strip() for cell in row]
            if header != ["group", "gamma"]:
                raise UserError(f"{path}:{number}: header {line!r}: expected group,gamma")
            continue
        if len(row) != 2:
            raise UserError(
                f"{path}:{number}: {len(row)} fields: expected group,gamma (quote a name that holds a comma)"
            )
        name, text = row[0].strip(), row[1].strip()
        if name in values:
            raise UserError(f"{path}:{number}: group {name!r} stands twice")
        try:
            value = float(text)
        except ValueError:
            raise UserError(f"{path}:{number}: gamma {text!r} of group {name!r} is no number") from None
        if not math.isfinite(value) or value < 0:
            raise UserError(f"{path}:{number}: gamma {text} of group {name!r}: expected a finite number, 0 or above")
        values[name] = value
    if header is None:
        raise UserError(f"{path}: empty: expected the header group,gamma and a line a group")
    return values


def write_gamma(path: str | Path, gamma: Gamma) -> None:
    """Write ``gamma.csv``: ``group,gamma`` with every digit, under comment lines that say where it comes from."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(f"# scheme: {gamma.scheme}\n# c: {'-' if gamma.c is None else f'{gamma.c:g}'}\n")
        file.write(f"# rescale: {'yes' if gamma.rescale else 'no'}\n# source: {gamma.source}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["group", "gamma"])
        writer.writerows([name, repr(float(value))] for name, value in gamma.values.items())


def _call(target: str, proportions: dict[str, float], counts: dict[str, int]) -> dict[str, float]:
    module_name, _, function_name = target.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, ValueError) as error:
        raise UserError(
            f"scheme {target}: module {module_name!r} cannot be imported ({error}): is it on PYTHONPATH?"
        ) from error
    except AttributeError:
        raise UserError(f"scheme {target}: module {module_name!r} has no {function_name!r}") from None
    answer: Any = function(proportions, counts)
    if isinstance(answer, Mapping):
        return _ordered(answer, tuple(proportions), target)
    values: Sequence[Any] = list(answer)
    if len(values) != len(proportions):
        raise UserError(f"scheme {target}: {len(values)} weights for {len(proportions)} groups")
    return {name: float(value) for name, value in zip(proportions, values)}


def _ordered(values: Mapping[str, Any], names: Sequence[str], source: str) -> dict[str, float]:
    unknown = [name for name in values if name not in names]
    missing = [name for name in names if name not in values]
    if unknown:
        raise UserError(f"{source}: group {unknown[0]!r} is not in the catalog: its groups are {', '.join(names)}")
    if missing:
        raise UserError(f"{source}: no weight for group {missing[0]!r}: every group of the catalog needs one")
    return {name: float(values[name]) for name in names}


def _check(values: Mapping[str, float], source: str) -> None:
    for name, value in values.items():
        if not math.isfinite(value) or value < 0:
            raise UserError(
                f"scheme {source}: gamma of group {name!r} is {value}: expected a finite number, 0 or above"
            )
    if not any(values.values()):
        raise UserError(f"scheme {source}: every gamma is 0: nothing would be learned")
