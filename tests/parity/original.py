"""Where the original Caffe is, or why there is none and what to do; and Python run with it."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON, ROOT, REQUIRED = "MULTIWEIGHT_ORIGINAL_PYTHON", "MULTIWEIGHT_ORIGINAL_ROOT", "MULTIWEIGHT_REQUIRE_ORIGINAL"
WAYS = (
    f"run `make original-root` as root, or give {ROOT}=FOLDER (a Debian 11 root with python3-caffe-cpu), or "
    f"{PYTHON}=COMMAND (a Python that imports caffe and sees this machine's /tmp, as by `docker run -v /tmp:/tmp`)"
)
#: How the reason of a skipped parity test begins.
UNCHECKED = "PARITY NOT CHECKED"
_QUIET = {"GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}


def required() -> bool:
    """True where the environment says that a missing original is a failure, as CI does."""
    return os.environ.get(REQUIRED, "0") not in ("", "0")


def find() -> tuple[list[str], Path] | str:
    """(command that starts Python with caffe, the folder which that sees as /), or one sentence: why not, what to do.

    MULTIWEIGHT_ORIGINAL_PYTHON names a command; MULTIWEIGHT_ORIGINAL_ROOT a folder with a Debian root, entered by
    chroot; without them build/original-root of the repository is looked for.
    """
    python, given = os.environ.get(PYTHON), os.environ.get(ROOT)
    if python:
        command = shlex.split(python)
        if not shutil.which(command[0]):
            return f"{PYTHON}: {command[0]} is no program; {WAYS}"
        return _trouble(tuple(command), f"{PYTHON}={python}") or (command, Path("/"))
    root = Path(given) if given else REPOSITORY / "build" / "original-root"
    if not root.is_dir():
        return f"{ROOT}: {given} is no folder; {WAYS}" if given else f"the original Caffe is not installed; {WAYS}"
    if not (root / "usr/bin/python3").exists():
        return f"{root} has no usr/bin/python3: it is no root with the original; {WAYS}"
    if os.geteuid() != 0:
        return f"{root} is entered by chroot, which needs root: run as root, or give {PYTHON}=COMMAND"
    command = ["chroot", str(root.resolve()), "python3"]
    return _trouble(tuple(command), str(root)) or (command, root.resolve())


def version() -> str:
    """The original's own version. Call after ``need``."""
    command, _ = _found()
    return _ask(tuple(command))[1]


def need() -> None:
    """Skip the test where there is no original; fail it where one is required."""
    reason = find()
    if isinstance(reason, str):
        if required():
            pytest.fail(f"{REQUIRED} is set: {reason}", pytrace=False)
        pytest.skip(f"{UNCHECKED}: {reason}")


def run_in(folder: Path, files: Sequence[str | Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python3 ARGUMENTS`` of the original, in a copy of ``folder`` with ``files`` beside; what it wrote comes back.

    Call after ``need``. Files of other paths are not seen by it.
    """
    command, root = _found()
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
            env={**os.environ, **_QUIET}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
        shutil.copytree(work, folder, dirs_exist_ok=True)
        return done
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _found() -> tuple[list[str], Path]:
    found = find()
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


def _trouble(command: tuple[str, ...], name: str) -> str:
    """What keeps ``command`` from importing caffe; empty if nothing does."""
    status, said = _ask(command)
    if status == 0:
        return ""
    last = said.splitlines()[-1] if said else f"exit status {status}"
    if "Exec format error" in said:
        return f"{name} is for another architecture than this machine's ({last}); {WAYS}"
    return f"{name} cannot import caffe ({last}); {WAYS}"


@functools.cache
def _ask(command: tuple[str, ...]) -> tuple[int, str]:
    """(0, caffe's version), or (exit status, what was said)."""
    try:
        done = subprocess.run(
            [*command, "-c", "import caffe; print(caffe.__version__)"],
            env={**os.environ, **_QUIET}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    except OSError as error:
        return 126, error.strerror or str(error)
    return done.returncode, (done.stderr if done.returncode else done.stdout).strip()
