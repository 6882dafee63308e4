"""gamma, the weight of each group's loss (Eq. 3), from a scheme, a CSV, or the user's own function."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from multiweight.base import markup, whole_file
from multiweight.base.errors import UserError
from multiweight.gamma.schemes import SCHEMES, Groups
from multiweight.gamma.user_function import call, members, short


@dataclass(frozen=True)
class Gamma:
    """The weights of one training, and all that is needed to say where they came from.

    ``values`` and ``proportions`` map group name to float, in catalog order. ``scheme`` is a registered name, a path to
    a CSV, or ``module:function``; ``c`` is the scheme's constant, None where it has none.
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
            parts.append(f"{_constant_name(self.scheme)} = {digits(self.c)}")
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
    c: float | None = None,
    rescale: bool = False,
    counts: Mapping[str, int] | None = None,
) -> Gamma:
    """gamma for every group of ``proportions``, in its order.

    ``scheme`` is one of SCHEMES, a path to a CSV ``group,gamma``, or ``module:function``: code of yours, imported and
    called as ``function(proportions, counts)`` with two dicts by group name (counts is empty where only proportions are
    known); it returns a dict, or a sequence in that order. ``c`` is the constant of schemes that have one (c of Eq. 11,
    beta, temperature; None: its default). ``rescale`` multiplies all weights by one factor so that they sum to the
    number of groups, which keeps the step size of the shared layers comparable with gamma = 1. UserError for an unknown
    scheme or group, a missing one, and a weight that is negative, not finite, or zero everywhere.
    """
    if not proportions:
        raise UserError("no groups to weight")
    for group, value in proportions.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise UserError(f"group {group!r}: proportion {value!r}: expected 0 to 1")
    names, used_c = tuple(proportions), constant(scheme, c)
    if scheme in SCHEMES:
        entry = SCHEMES[scheme]
        n = np.array([counts[name] for name in names], dtype=np.float64) if counts else None
        r = np.array([proportions[name] for name in names], dtype=np.float64)
        source = entry.source
        values = dict(zip(names, entry.function(Groups(names, r, n, used_c or 0.0)).tolist()))
    elif scheme.endswith(".csv"):
        source = f"read from {Path(scheme).name}"
        values = members(read_gamma(scheme), names, scheme)
    else:
        source = "the user's own function"
        values = call(scheme, dict(proportions), dict(counts or {}))
    _check(values, scheme)
    if rescale:
        values = _rescaled(values, scheme)
    return Gamma(values, scheme, source, used_c, rescale, dict(proportions))


def digits(number: float) -> str:
    """As few digits as tell a number from every other one: 2, 0.9999999."""
    return repr(float(number)).replace("+", "").removesuffix(".0")


def check_known(scheme: str) -> None:
    """UserError where ``scheme`` is none of SCHEMES, no CSV and no function."""
    if scheme not in SCHEMES and not scheme.endswith(".csv") and ":" not in scheme:
        known = ", ".join(SCHEMES)
        raise UserError(
            f"weight scheme {scheme!r} is unknown: expected {known}, a file ending in .csv, or module:function"
        )


def constant(scheme: str, given: float | None) -> float | None:
    """The constant that a scheme takes, its default where none is given; None for one without, a CSV, a function.

    UserError where ``given`` is out of the scheme's range, or the scheme has none.
    """
    check_known(scheme)
    entry = SCHEMES.get(scheme)
    if entry is None or entry.constant is None:
        if given is None:
            return None
        having = ", ".join(f"{other.name} ({other.constant.name})" for other in SCHEMES.values() if other.constant)
        raise UserError(f"c = {given!r}: scheme {scheme} has no constant: leave it out; these have one: {having}")
    return entry.constant.checked(entry.constant.default if given is None else given, entry.name)


def _constant_name(scheme: str) -> str:
    entry = SCHEMES.get(scheme)
    return entry.constant.name if entry and entry.constant else "c"


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
        name, text = markup.from_cell(row[0].strip()), row[1].strip()
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
        raise UserError(f"{path}: empty: expected the header group,gamma and a line per group")
    return values


def write_gamma(path: str | Path, gamma: Gamma) -> None:
    """Write ``gamma.csv``: ``group,gamma`` with every digit, under comment lines that say where it comes from."""
    with whole_file.opened(path, newline="") as file:
        file.write(f"# scheme: {gamma.scheme}\n# c: {'-' if gamma.c is None else digits(gamma.c)}\n")
        file.write(f"# rescale: {'yes' if gamma.rescale else 'no'}\n# source: {gamma.source}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["group", "gamma"])
        writer.writerows([markup.cell(name), repr(float(value))] for name, value in gamma.values.items())


def _rescaled(values: Mapping[str, float], source: str) -> dict[str, float]:
    """The weights times one factor, so that they sum to their number."""
    try:
        factor = len(values) / math.fsum(values.values())
    except OverflowError:
        factor = 0.0
    scaled = {name: value * factor for name, value in values.items()}
    # Not so where the sum or the factor is beyond what a float can hold.
    if not math.isclose(math.fsum(scaled.values()), len(values), rel_tol=1e-6):
        raise UserError(f"scheme {source}: the weights are too large or too small to be rescaled: {short(values)}")
    return scaled


def _check(values: Mapping[str, float], source: str) -> None:
    for name, value in values.items():
        if not math.isfinite(value) or value < 0:
            raise UserError(
                f"scheme {source}: gamma of group {name!r} is {value}: expected a finite number, 0 or above"
            )
    if not any(values.values()):
        raise UserError(f"scheme {source}: every gamma is 0: nothing would be learned")
