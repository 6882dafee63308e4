"""Which columns of a shop's table look like no labels: prices, titles, numbers of articles."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NUMBER = re.compile(r"\W{0,3}[0-9][0-9.,' ]*\W{0,2}|[A-Za-z]{3} ?[0-9.,]+|[0-9.,]+ ?[A-Za-z]{3}")
_FEW = 3  # different values that any column of labels has


def doubt(counts: Mapping[str, int]) -> str:
    """Why a column of these values (value -> rows) looks like no labels, or an empty string."""
    different, rows = len(counts), sum(counts.values())
    if different < _FEW:
        return ""
    numbers = sum(bool(_NUMBER.fullmatch(value)) for value in counts)
    shown = f"{different:,} different values on {rows:,} rows"
    if numbers > 0.8 * different and different > 0.3 * rows:
        return f"numbers, {shown}"
    letters = sum(len(value) for value in counts) / different
    if letters > 30 or sum(value.count(" ") for value in counts) > 3 * different:
        return f"texts of {letters:.0f} characters, {shown}"
    if different >= 8 and different > 0.5 * rows:
        return shown
    return ""
