"""Caffe's published nets load here, and forward and gradients match the original's."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import published
import published_runner
import pytest
from workshop import Workshop

import caffe_torch

TOLERANCE = 1e-4


def _source() -> Path:
    found = published.source()
    if isinstance(found, str):
        warnings.warn(f"PUBLISHED NETS NOT CHECKED: {found}", stacklevel=1)
        pytest.skip(f"PUBLISHED NETS NOT CHECKED: {found}")
    return found


def test_no_published_net_is_forgotten() -> None:
    """Every net in models/ and examples/ has its case; solvers, and the one with a Python layer, aside."""
    source = _source()
    files = {
        str(path.relative_to(source))
        for folder in ("models", "examples")
        for path in (source / folder).rglob("*.prototxt")
        if "solver" not in path.name
    }
    assert files - {"examples/pycaffe/linreg.prototxt"} == {net.path for net in published.NETS}


@pytest.mark.parametrize("net", published.NETS, ids=lambda net: net.name)
def test_published_net(net: published.Published, tmp_path: Path, record_property: Any) -> None:
    case = net.as_json(_source())
    ours = published_runner.run(caffe_torch, case)
    assert all(np.isfinite(array).all() for array in ours.values())
    moved = [name for name in ours if name.startswith("gradient/") and ours[name].any()]
    assert moved or not any(name.startswith("gradient/") for name in ours), "no parameter has a gradient"
    with Workshop() as shop:
        shutil.copy(published_runner.__file__, shop.path / "runner.py")
        (shop.path / "case.json").write_text(json.dumps(case))
        shop.run("env", "-C", str(shop.inside), "python3", "runner.py", "case.json", "theirs.npz")
        (shop.path / "theirs.npz").replace(tmp_path / "theirs.npz")
    worst = {}
    with np.load(tmp_path / "theirs.npz") as theirs:
        assert set(ours) == set(theirs.files)
        for name in theirs.files:
            expected = theirs[name]
            assert ours[name].shape == expected.shape, name
            scale = float(np.abs(expected).max()) if expected.size else 0.0
            difference = float(np.abs(ours[name] - expected).max()) if expected.size else 0.0
            worst[name] = difference / (scale or 1.0)
    (tmp_path / "theirs.npz").unlink()
    for kind in ("data", "diff", "gradient"):
        record_property(kind, max((v for name, v in worst.items() if name.startswith(kind)), default=0.0))
    too_far = {name: value for name, value in worst.items() if value > TOLERANCE}
    assert not too_far, too_far
