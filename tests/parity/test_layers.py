"""Every layer case under caffe_torch and under the original: tops, gradients and parameters must agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from case import Case
from cases import CASES, WITHOUT_CASE
from deviations import Table
from pair import Pair, Result

import caffe_torch.layers  # noqa: F401  (fills the registry)
from caffe_torch.layers.base import REGISTRY

TESTS = Path(__file__).resolve().parents[1]
#: Types of Caffe's forks, which the original does not know.
FORKS = {kind for kind, cls in REGISTRY.items() if cls.__module__.startswith("caffe_torch.layers.fork.")}
COLUMNS = {"top": "forward", "diff": "gradient", "param_diff": "gradient", "param": "parameters"}


@pytest.fixture(scope="module")
def results(pair: Pair, request: pytest.FixtureRequest) -> dict[str, dict[str, Result]]:
    """The cases of the tests that were selected, in both engines."""
    chosen: list[Any] = [
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and _is_case(item, request.module)
    ]
    return pair.run([case.as_job() for case in chosen])


def _is_case(item: pytest.Item, module: object) -> bool:
    return getattr(item, "module", None) is module and "case" in getattr(getattr(item, "callspec", None), "params", {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer(case: Case, results: dict[str, dict[str, Result]], table: Table) -> None:
    theirs, ours = results["original"][case.name].values(), results["torch"][case.name].values()
    section = "Layers" if case.type != "net" else "Small nets"
    row = case.type if case.type != "net" else case.name
    table.compare(section, row, case.name, ours, theirs, COLUMNS, case.tolerance)


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_registered_layer_type_has_a_case() -> None:
    """Adding a layer without a case here, or without a reason for none, fails; the original has no fork's layers."""
    covered = {case.type for case in CASES}
    assert set(REGISTRY) - covered - set(WITHOUT_CASE) - FORKS == set()
    assert not covered & (set(WITHOUT_CASE) | FORKS)


@pytest.mark.parametrize("kind", sorted(FORKS))
def test_every_type_of_a_fork_has_a_test(kind: str) -> None:
    """Other judges than the original: tests/caffe_torch/layers/fork, and OpenCV 4 in test_fork_nets.py."""
    files = [*(TESTS / "caffe_torch" / "layers" / "fork").glob("test_*.py"), *(TESTS / "parity").glob("test_fork*.py")]
    assert any(kind in re.findall(r"\w+", file.read_text(encoding="utf-8")) for file in files)
