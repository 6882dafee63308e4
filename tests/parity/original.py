"""Where the original Caffe is, and how cases are run with it: one process for all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

RUNNER = Path(__file__).with_name("runner.py")
REPOSITORY = Path(__file__).resolve().parents[2]


def find() -> tuple[list[str], Path] | str:
    """(command prefix of a Python that imports caffe, the root it sees), or the reason why there is none.

    MULTIWEIGHT_ORIGINAL_PYTHON names an interpreter; MULTIWEIGHT_ORIGINAL_ROOT a folder with a Debian root that has
    python3-caffe-cpu, entered by chroot; without them build/original-root of the repository is looked for.
    """
    python = os.environ.get("MULTIWEIGHT_ORIGINAL_PYTHON")
    if python:
        return ([python], Path("/")) if shutil.which(python) else f"MULTIWEIGHT_ORIGINAL_PYTHON={python} is no program"
    given = os.environ.get("MULTIWEIGHT_ORIGINAL_ROOT")
    root = Path(given) if given else REPOSITORY / "build" / "original-root"
    if not (root / "usr/bin/python3").exists():
        return (
            f"no original Caffe: {root} has no usr/bin/python3; set MULTIWEIGHT_ORIGINAL_ROOT or "
            "MULTIWEIGHT_ORIGINAL_PYTHON"
        )
    if os.geteuid() != 0:
        return f"the original Caffe in {root} is entered by chroot, which needs root"
    return ["chroot", str(root), "python3"], root


def run(cases: Sequence[dict[str, Any]], results: Path) -> str:
    """Run the cases with the original; writes results/<case>.npz and returns what it said. Call after ``find``."""
    found = find()
    if isinstance(found, str):
        raise RuntimeError(found)
    command, root = found
    shared = Path(tempfile.mkdtemp(prefix="parity-", dir=root / "tmp"))
    try:
        inside = Path("/") / shared.relative_to(root)
        (shared / "cases.json").write_text(json.dumps(list(cases)))
        shutil.copy(RUNNER, shared / "runner.py")
        (shared / "out").mkdir()
        done = subprocess.run(
            [*command, str(inside / "runner.py"), str(inside / "cases.json"), str(inside / "out")],
            env={**os.environ, "GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
        for file in (shared / "out").glob("*.npz"):
            shutil.copy(file, results / file.name)
        return f"exit status {done.returncode}\n{done.stdout[-2000:]}"
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def need() -> None:
    """Skip the test, loudly, where there is no original."""
    reason = find()
    if isinstance(reason, str):
        warnings.warn(f"PARITY NOT CHECKED: {reason}", stacklevel=2)
        pytest.skip(f"PARITY NOT CHECKED: {reason}")


def run_in(folder: Path, files: Sequence[str | Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python3 ARGUMENTS`` of the original, in a copy of ``folder`` with ``files`` beside; what it wrote comes back.

    Call after ``need``. Files of other paths are not seen by it.
    """
    found = find()
    if isinstance(found, str):
        raise RuntimeError(found)
    command, root = found
    shared = Path(tempfile.mkdtemp(prefix="parity-", dir=root / "tmp"))
    try:
        work = shared / "work"
        shutil.copytree(folder, work)
        for file in files:
            shutil.copy(file, work)
        inside = Path("/") / work.relative_to(root)
        # The folder is entered behind chroot, not before it.
        done = subprocess.run(
            [*command[:-1], "env", "-C", str(inside), command[-1], *arguments],
            env={**os.environ, "GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
        shutil.copytree(work, folder, dirs_exist_ok=True)
        return done
    finally:
        shutil.rmtree(shared, ignore_errors=True)
