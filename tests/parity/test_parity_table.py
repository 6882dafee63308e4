"""docs/PARITY_TABLE.md is the table of the cases that there are now: `make parity-table` writes it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cases import CASES
from test_solver_runs import RUNS, SETTINGS

from multiweight import recipes

TABLE = (Path(__file__).resolve().parents[2] / "docs" / "PARITY_TABLE.md").read_text(encoding="utf-8")


def test_it_has_a_row_for_every_layer_net_and_solver() -> None:
    rows = {line.split(" | ")[0].lstrip("| "): int(line.split(" | ")[1]) for line in TABLE.splitlines() if _row(line)}
    for name, count in Counter(case.type for case in CASES if case.type != "net").items():
        assert rows.get(name) == count, f"{name}: make parity-table"
    wanted = {*recipes.METHODS, *SETTINGS, *(run for run in RUNS if run.startswith("policy"))}
    assert wanted <= set(rows), "make parity-table"


def _row(line: str) -> bool:
    return line.startswith("| ") and line.split(" | ")[1].isdigit()
