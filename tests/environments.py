"""Environments with other versions of packages than the tests' own, made once under build/environments.

For programs that judge results: OpenCV 4, whose importer of Caffe nets OpenCV 5 no longer has, for one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

#: Another folder for the environments, shared by several checkouts for instance.
FOLDER = "MULTIWEIGHT_ENVIRONMENTS"
#: Where it is set, as in CI, an environment that cannot be made fails its tests; else they are skipped.
REQUIRED = "MULTIWEIGHT_REQUIRE_ENVIRONMENTS"

OPENCV4 = ("opencv-python-headless==4.14.0.94", "numpy==2.2.6")


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """The Python of the environment ``name`` with exactly ``requirements``; made where it is not there yet.

    Needs the package index then; where it is out of reach the test is skipped, or fails with ``REQUIRED``.
    """
    root = Path(os.environ.get(FOLDER) or Path(__file__).resolve().parents[1] / "build" / "environments")
    root.mkdir(parents=True, exist_ok=True)
    folder, wanted = root / name, f"{sys.version_info[:2]} {' '.join(requirements)}"
    ready, python = folder / "ready", folder / "bin" / "python"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists() and ready.read_text() == wanted:
            return python
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements],
            env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            message = f"NOT JUDGED: {' '.join(requirements)} cannot be installed ({said})"
            if os.environ.get(REQUIRED, "0") not in ("", "0"):
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
        ready.write_text(wanted)
    return python
