"""make gpu-check without a GPU: every part at toy size on the emulated accelerator; failures of one; wheels."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import unchecked

REPOSITORY = Path(__file__).resolve().parents[2]
PLACE = REPOSITORY / "benchmarks" / "gpu_check"
PARTS = ["machine", "layers", "nets", "counts", "training", "speed", "retrieval", "memory"]

pytestmark = unchecked.unless(
    not torch.accelerator.is_available(), "gpu-check on the emulated accelerator", "there is a GPU: make gpu-check"
)


def check(*arguments: str, out: Path) -> tuple[subprocess.CompletedProcess, dict]:
    done = subprocess.run(
        [sys.executable, str(PLACE), "--out", str(out), *arguments],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    return done, json.loads(out.read_text()) if out.exists() else {}


def test_every_part_runs_and_says_that_no_gpu_was_measured(tmp_path):
    done, result = check(out=tmp_path / "found.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(result) == PARTS
    assert all("no GPU was measured" in part["on"] for part in result.values())
    assert result["machine"]["GPUs"] == 0 and result["machine"]["GPU"] is None
    assert result["layers"]["cases"] > 20 and len(result["nets"]) == 2 + 2
    assert result["counts"]["multi_weight_numpy"].endswith("2 up, 1 down")
    assert result["speed"]["fp32, multi_weight from LMDB"] == "ran"  # no seconds of an emulation
    assert "100.00% right" in result["retrieval"]["exact search"]
    for name in PARTS:
        assert f"\n{name} (" in done.stdout


def test_a_part_that_fails_is_one_line_and_the_rest_goes_on(tmp_path):
    """Here for want of a package, as on a bare machine."""
    (tmp_path / "cv2.py").write_text("raise ImportError('no module of that name here')")
    done = subprocess.run(
        [sys.executable, str(PLACE), "--parts", "layers machine", "--out", str(tmp_path / "found.json")],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path)}, timeout=300,
    )  # fmt: skip
    result = json.loads((tmp_path / "found.json").read_text())
    assert done.returncode == 1
    assert result["layers"]["error"].startswith("ImportError") and "\n" not in result["layers"]["error"]
    assert "PyTorch" in result["machine"] and "Traceback" not in done.stdout + done.stderr


def test_an_unknown_part_is_named(tmp_path):
    done, _ = check("--parts", "machine speeed", out=tmp_path / "found.json")
    assert done.returncode == 2 and "PARTS=speeed: expected some of machine layers" in done.stderr


def test_an_out_that_cannot_be_written_is_told_before_the_parts_run(tmp_path):
    (tmp_path / "file").write_text("")
    done, _ = check("--parts", "machine", out=tmp_path / "file" / "found.json")
    assert done.returncode == 2 and "found.json: cannot be written (" in done.stderr
    assert "Traceback" not in done.stderr and "machine" not in done.stdout


@pytest.fixture(scope="module")
def packages():
    spec = importlib.util.spec_from_file_location("gpu_check_packages", PLACE / "packages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name, fits",
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", True),
        ("a-1-cp3{minor}-cp3{minor}-manylinux_2_17_{machine}.manylinux2014_{machine}.whl", True),
        ("a-1-cp37-abi3-manylinux_2_28_{machine}.whl", True),
        ("a-1-cp3{minor}-cp3{minor}-manylinux_2_17_otherarch.whl", False),
        ("a-1-cp38-cp38-manylinux_2_17_{machine}.whl", False),
        ("a-1-py2-none-any.whl", False),
        ("a-1-cp399-abi3-manylinux_2_28_{machine}.whl", False),
        ("README.whl", False),
    ],
)
def test_which_wheels_fit(packages, monkeypatch, name, fits):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert packages.fits(name.format(minor=sys.version_info[1], machine="x86_64")) == fits


def test_wheels_are_unpacked(packages, tmp_path):
    with zipfile.ZipFile(tmp_path / "small-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small/__init__.py", "VALUE = 3\n")
    (path,) = packages.unpack(tmp_path, tmp_path / "there")
    assert (path / "small" / "__init__.py").read_text() == "VALUE = 3\n"
    (tmp_path / "cut-1-py3-none-any.whl").write_bytes(b"PK half of a wheel")
    with pytest.raises(SystemExit, match="cut-1-py3-none-any.whl: is no whole wheel .*: copy it again"):
        packages.unpack(tmp_path, tmp_path / "again")
    with pytest.raises(SystemExit, match="no such folder"):
        packages.unpack(tmp_path / "nowhere", tmp_path / "there")
