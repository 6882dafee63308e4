"""How far two engines lie apart, what the suite allows, and the table of the worst that was seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

#: max|a-b| / max|b| of a blob.
TOLERANCE = 1e-4


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """max|a - b| / max|b|; where the original has only zeros, max|a|."""
    if theirs.size == 0:
        return 0.0
    scale = float(np.abs(theirs).max())
    kind = np.float32 if theirs.size > 1_000_000 else np.float64
    return float(np.abs(np.subtract(ours, theirs, dtype=kind)).max()) / (scale or 1.0)


class Table:
    """The worst deviation by section, row and column; a row is a layer type, a net, a solver, a kind of file."""

    def __init__(self) -> None:
        self._worst: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self._cases: dict[tuple[str, str], set[str]] = defaultdict(set)

    @property
    def cases(self) -> int:
        """How many cases were compared."""
        return sum(map(len, self._cases.values()))

    def rows(self, section: str, column: str) -> list[str]:
        """The rows of a section that have a value in this column."""
        return [row for row, cells in self._worst[section].items() if column in cells]

    def add(self, section: str, row: str, column: str, case: str, value: float) -> None:
        cells = self._worst[section][row]
        cells[column] = max(value, cells.get(column, 0.0))
        self._cases[section, row].add(case)

    def compare(
        self,
        section: str,
        row: str,
        case: str,
        ours: Mapping[str, np.ndarray],
        theirs: Mapping[str, np.ndarray],
        columns: Mapping[str, str],
        tolerance: float = TOLERANCE,
    ) -> None:
        """Compare blobs by name and note the worst; ``columns`` maps the start of a name to the column it counts in.

        AssertionError for other names, other shapes, or a blob further apart than ``tolerance`` (NaN is).
        """
        assert set(ours) == set(theirs), f"{case}: other blobs: {sorted(set(ours) ^ set(theirs))}"
        wrong = []
        for name, expected in theirs.items():
            result = ours[name]
            assert result.shape == expected.shape, (
                f"{case}: {name}: shape {result.shape}, the original's {expected.shape}"
            )
            worst = deviation(result, expected)
            if worst <= tolerance:
                self.add(section, row, columns[name.partition("/")[0]], case, worst)
            else:
                wrong.append(f"{name}: {worst:.2g}\n  ours {_shown(result)}\n  original {_shown(expected)}")
        assert not wrong, f"{case}: further apart than {tolerance}:\n" + "\n".join(wrong)

    def render(self) -> str:
        """The sections as Markdown tables, in the order they were first met."""
        lines = []
        for section, rows in self._worst.items():
            columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
            lines += [
                f"## {section}",
                "",
                f"| | cases | {' | '.join(columns)} |",
                f"|---|---:|{'---:|' * len(columns)}",
            ]
            for row in sorted(rows):
                cells = [_number(rows[row].get(column)) for column in columns]
                lines.append(f"| {row} | {len(self._cases[section, row])} | {' | '.join(cells)} |")
            lines.append("")
        return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}" if value else "0"


def _shown(array: np.ndarray) -> str:
    return np.array2string(array.reshape(-1)[:8], precision=7)
