"""Environments with other versions of packages than the tests' own, made once under build/environments.

For programs that judge results: OpenCV 4, whose importer of Caffe nets OpenCV 5 no longer has, for one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: Another folder for the environments, shared by several checkouts for instance.
FOLDER = "MULTIWEIGHT_ENVIRONMENTS"
#: Where it is set, as in CI, an environment that cannot be made fails its tests; else they are skipped.
REQUIRED = "MULTIWEIGHT_REQUIRE_ENVIRONMENTS"

OPENCV4 = ("opencv-python-headless==4.14.0.94", "numpy==2.2.6")


def environment(name: str, requirements: tuple[str, ...], interpreter: str = sys.executable) -> Path:
    """The Python of the environment ``name`` with exactly ``requirements``; made where it is not there yet.

    Needs the package index then; where it is out of reach the test is skipped, or fails with ``REQUIRED``.
    """
    root = Path(os.environ.get(FOLDER) or Path(__file__).resolve().parents[1] / "build" / "environments")
    root.mkdir(parents=True, exist_ok=True)
    folder, wanted = root / name, f"{_version(interpreter)} {' '.join(requirements)}"
    ready, python = folder / "ready", folder / "bin" / "python"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists() and ready.read_text() == wanted:
            return python
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
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


def _version(interpreter: str) -> str:
    command = [interpreter, "-c", "import sys; print(sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def interpreter(version: str) -> str:
    """A Python of ``version``, as 3.13, on this machine; where there is none the test is skipped, and says so."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for found in (*sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True), shutil.which(f"python{version}")):
        if found and subprocess.run([str(found), "-c", ""], capture_output=True).returncode == 0:
            return str(found)
    pytest.skip(f"NOT JUDGED: this machine has no Python {version}")
