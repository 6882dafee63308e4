"""docs/PARITY_TABLE.md is the table of the cases that there are now: `make parity-table` writes it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import test_fork_definitions
import test_fork_layers
from cases import CASES
from defined_cases import DEFINED
from fork_cases import CASES as FORK_CASES
from fork_nets import NETS
from test_solver_runs import ITERATIONS, RUNS, SETTINGS

from multiweight.paper.methods import METHODS

TABLE = Path(__file__).resolve().parents[2] / "docs" / "PARITY_TABLE.md"


def rows(section: str) -> dict[str, int]:
    """The rows of a section and how many cases each counts."""
    text = TABLE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name: int(count) for name, count, *_ in cells if count.strip().isdigit()}


def test_it_counts_every_case_of_every_layer() -> None:
    assert rows("Layers") == Counter(case.type for case in CASES if case.type != "net"), "run make parity-table"


def test_it_has_every_net_and_solver() -> None:
    methods = dict.fromkeys(METHODS, 1)
    assert rows("The nets of prototxt/") == rows(f"SGD, {ITERATIONS} iterations") == methods, "run make parity-table"
    solvers = {*SETTINGS, *(run for run in RUNS if run.startswith("policy"))}
    assert set(rows("Solvers, tiny net")) == solvers, "run make parity-table"


def test_it_counts_every_case_of_forks_with_its_judge() -> None:
    assert rows(test_fork_layers.SECTION) == Counter(case.type for case in FORK_CASES), "run make parity-table"
    assert rows(test_fork_definitions.SECTION) == Counter(defined.case.type for defined in DEFINED)
    section = "Nets in the forms of forks' nets, in reduced width"
    assert {row.partition(",")[0] for row in rows(section)} == set(NETS), "run make parity-table"
