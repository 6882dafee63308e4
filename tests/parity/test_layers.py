"""Every layer case under caffe_torch and under the original: tops, gradients and parameters must agree."""

from __future__ import annotations

import pytest
from case import Case
from cases import CASES, WITHOUT_CASE
from deviations import Table
from pair import Pair, Result

import caffe_torch.layers  # noqa: F401  (fills the registry)
from caffe_torch.layers.base import REGISTRY

COLUMNS = {"top": "forward", "diff": "gradient", "param_diff": "gradient", "param": "parameters"}


@pytest.fixture(scope="module")
def results(pair: Pair, request: pytest.FixtureRequest) -> dict[str, dict[str, Result]]:
    """The cases of the tests that were selected, in both engines."""
    chosen = [item.callspec.params["case"] for item in request.session.items if _is_case(item, request.module)]
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
    """Adding a layer without a case here, or without a reason for none, fails."""
    covered = {case.type for case in CASES}
    assert set(REGISTRY) - covered - set(WITHOUT_CASE) == set()
    assert not covered & set(WITHOUT_CASE)
