"""Every layer case under caffe_torch and under the original: tops, gradients and parameters must agree."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import original
import pytest
import runner
from case import Case
from cases import CASES

import caffe_torch


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """max|a - b| / max|b|; where the original has only zeros, max|a|."""
    if theirs.size == 0:
        return 0.0
    scale = float(np.abs(theirs).max())
    return float(np.abs(ours.astype(np.float64) - theirs).max()) / (scale or 1.0)


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    reason = original.find()
    if isinstance(reason, str):
        warnings.warn(f"PARITY NOT CHECKED: {reason}", stacklevel=1)
        pytest.skip(f"PARITY NOT CHECKED: {reason}")
    folder = tmp_path_factory.mktemp("original")
    return folder, original.run([case.as_json() for case in CASES], folder)


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer(case: Case, theirs: tuple[Path, str], record_property: Any) -> None:
    folder, said = theirs
    path = folder / f"{case.name}.npz"
    assert path.exists(), f"the original did not finish this case; it said: {said}"
    ours = runner.run(caffe_torch, case.as_json())
    with np.load(path) as expected:
        assert set(ours) == set(expected.files)
        for name in expected.files:
            assert ours[name].shape == expected[name].shape, name
            worst = deviation(ours[name], expected[name])
            record_property(name, worst)
            assert worst <= case.tolerance, f"{name}: {worst}\nours {ours[name]}\ntheirs {expected[name]}"
