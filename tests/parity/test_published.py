"""Caffe's published nets load here, and forward and gradients match the original's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import original
import published
import published_runner
import pytest

import caffe_torch

TOLERANCE = 1e-4


def test_no_published_net_is_forgotten(source: Path) -> None:
    """Every net in models/ and examples/ has its case; solvers, and the one with a Python layer, aside."""
    files = {
        str(path.relative_to(source))
        for folder in ("models", "examples")
        for path in (source / folder).rglob("*.prototxt")
        if "solver" not in path.name
    }
    assert files - {"examples/pycaffe/linreg.prototxt"} == {net.path for net in published.NETS}


@pytest.mark.parametrize("net", published.NETS, ids=lambda net: net.name)
def test_published_net(net: published.Published, source: Path, tmp_path: Path, record_property: Any) -> None:
    """Forward from the same inputs and weights; then gradients at the original's activations.

    A max pooling whose two largest values differ in the last bit goes one way in each engine, and all gradients below
    with it (GoogLeNet has two million windows an image): at the same activations it cannot.
    """
    case = net.as_json(source)
    original.need()
    (tmp_path / "case.json").write_text(json.dumps(case))
    done = original.run_in(tmp_path, [published_runner.__file__], "published_runner.py", "case.json", "theirs.npz")
    assert done.returncode == 0, done.stdout[-2000:]
    with np.load(tmp_path / "theirs.npz") as file:
        theirs = {name: file[name] for name in file.files}
    (tmp_path / "theirs.npz").unlink()
    ours = published_runner.run(caffe_torch, case, theirs)
    assert set(ours) == set(theirs)
    gradients = [name for name in theirs if name.startswith("gradient/")]
    assert any(theirs[name].any() for name in gradients) or not gradients, "no parameter has a gradient"
    worst: dict[str, float] = {}
    for name, expected in theirs.items():
        assert np.isfinite(expected).all(), name
        assert ours[name].shape == expected.shape, name
        # A layer's gradients are measured by its largest: where two uses of a bias cancel out, only rounding is left.
        alike = [n for n in gradients if n.rpartition("/")[0] == name.rpartition("/")[0]] or [name]
        scale = max(float(np.abs(theirs[n]).max(initial=0)) for n in alike)
        worst[name] = float(np.abs(ours[name] - expected).max(initial=0)) / (scale or 1.0)
    for kind in ("data", "diff", "gradient"):
        record_property(kind, max((v for name, v in worst.items() if name.startswith(kind + "/")), default=0.0))
    too_far = {name: value for name, value in worst.items() if value > TOLERANCE}
    assert not too_far, too_far
