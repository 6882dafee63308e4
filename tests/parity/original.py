"""Where the original Caffe is: the command that runs Python with it, and the root of the files which that sees."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON, ROOT, REQUIRED = "MULTIWEIGHT_ORIGINAL_PYTHON", "MULTIWEIGHT_ORIGINAL_ROOT", "MULTIWEIGHT_REQUIRE_ORIGINAL"
WAYS = (
    f"run `make original-root` as root on Debian or Ubuntu, or give {ROOT}=FOLDER (a Debian 11 root with "
    f"python3-caffe-cpu), or {PYTHON}=COMMAND (a Python that imports caffe; it may be a `docker run -v /tmp:/tmp`)"
)
#: How the reason of a test begins that was skipped for want of an original.
UNCHECKED = "PARITY NOT CHECKED"


class Original(NamedTuple):
    """``command`` starts Python; ``root`` is what it sees as /; ``version`` is caffe's."""

    command: tuple[str, ...]
    root: Path
    version: str


class NoOriginal(Exception):
    """Why there is none, and what to do, in one sentence."""


def required() -> bool:
    """True where the environment says that a missing original is a failure, as CI does."""
    return os.environ.get(REQUIRED, "0") not in ("", "0")


def find() -> Original:
    """The original that the environment names, else build/original-root of the repository; raises NoOriginal."""
    python, root_given = os.environ.get(PYTHON), os.environ.get(ROOT)
    if python:
        command = tuple(shlex.split(python))
        if not shutil.which(command[0]):
            raise NoOriginal(f"{PYTHON}: {command[0]} is no program; {WAYS}")
        return Original(command, Path("/"), _version(command, f"{PYTHON}={python}"))
    root = Path(root_given) if root_given else REPOSITORY / "build" / "original-root"
    if not root.is_dir():
        raise NoOriginal(
            f"{root_given} ({ROOT}) is no folder; {WAYS}" if root_given else f"none is installed here; {WAYS}"
        )
    if not (root / "usr/bin/python3").exists():
        raise NoOriginal(f"{root} has no usr/bin/python3, so it is no root with the original; {WAYS}")
    if os.geteuid() != 0:
        raise NoOriginal(f"{root} is entered by chroot, which needs root: run as root, or give {PYTHON}=COMMAND")
    command = ("chroot", str(root.resolve()), "python3")
    return Original(command, root.resolve(), _version(command, str(root)))


@functools.cache
def _version(command: tuple[str, ...], name: str) -> str:
    try:
        done = subprocess.run(
            [*command, "-c", "import caffe; print(caffe.__version__)"],
            env=environment(GLOG_minloglevel="2"),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        status, output = done.returncode, done.stderr.strip()
    except OSError as error:
        status, output = 126, error.strerror or str(error)
    if status == 0:
        return done.stdout.strip()
    last = output.splitlines()[-1] if output else f"exit status {status}"
    if "Exec format error" in output:
        raise NoOriginal(f"{name} is made for another architecture than this machine's ({last}): make it here; {WAYS}")
    raise NoOriginal(f"{name} cannot import caffe ({last}); {WAYS}")


def environment(**settings: str) -> dict[str, str]:
    """The environment to start the original in: this one with ``settings``, and kernels of this processor's kind.

    Debian 11's OpenBLAS 0.3.13 does not know processors made after it and takes its kernels of 2004 (SSE3) there:
    several times slower, and with sums in another order than where the tolerances were measured.
    """
    result = {**os.environ, "PYTHONPATH": "", **settings}
    if "avx2" in _processor_flags():
        result.setdefault("OPENBLAS_CORETYPE", "Haswell")
    return result


@functools.cache
def _processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in text.splitlines() if line.startswith("flags")), []))


def need() -> Original:
    """The original; without one the test is skipped, or fails where the environment requires one."""
    try:
        return find()
    except NoOriginal as reason:
        if required():
            pytest.fail(f"{REQUIRED} is set, but there is no original Caffe: {reason}", pytrace=False)
        pytest.skip(f"{UNCHECKED}: {reason}")


def run_in(folder: Path, files: Sequence[str | Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python3 ARGUMENTS`` of the original, in a copy of ``folder`` with ``files`` beside; what it wrote comes back.

    Files of other paths are not seen by it.
    """
    command, root, _ = need()
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
            env=environment(GLOG_minloglevel="2", OMP_NUM_THREADS="1"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
        )  # fmt: skip
        shutil.copytree(work, folder, dirs_exist_ok=True)
        return done
    finally:
        shutil.rmtree(shared, ignore_errors=True)
