"""Programs in pycaffe's style, each run unchanged by both engines: what they write must agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import original
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = sorted((REPOSITORY / "tests/caffe_torch/programs").glob("*.py"))
#: Six steps of ascent, each divided by the mean of its gradient, drift apart further than one forward.
TOLERANCE = {"ascent": 5e-4}


def run_here(program: Path, folder: Path, *arguments: str) -> None:
    """``python -m caffe_torch program arguments`` in ``folder``; its failure is the test's."""
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", str(program), *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "GLOG_minloglevel": "2"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_program(program: Path, tmp_path: Path, record_property: Any) -> None:
    run_here(program, tmp_path, "ours.npz")
    with np.load(tmp_path / "ours.npz") as file:
        ours = {name: file[name] for name in file.files}
    assert ours and all(np.isfinite(array).all() for array in ours.values())
    original.need()
    done = original.run_in(tmp_path, [program], program.name, "theirs.npz")
    assert done.returncode == 0, done.stdout[-4000:]
    worst: dict[str, float] = {}
    with np.load(tmp_path / "theirs.npz") as theirs:
        assert set(ours) == set(theirs.files)
        for name in theirs.files:
            expected = theirs[name]
            assert ours[name].shape == expected.shape, name
            scale = float(np.abs(expected).max(initial=0)) or 1.0
            worst[name] = float(np.abs(ours[name].astype(float) - expected).max(initial=0)) / scale
    record_property("worst", max(worst.values()))
    too_far = {name: value for name, value in worst.items() if value > TOLERANCE.get(program.stem, 1e-4)}
    assert not too_far, too_far
