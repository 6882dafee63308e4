"""The environments that tests make, once, under build/environments: other versions of packages; the project installed.

For programs that judge results: OpenCV 4, whose importer of Caffe nets OpenCV 5 no longer has, for one. And for the
project's wheel: with the tests' own packages, with them but for PyTorch, and under other versions of Python.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

#: Another folder for the environments, shared by several checkouts for instance.
FOLDER = "MULTIWEIGHT_ENVIRONMENTS"
#: Where it is set, as in CI, an environment that cannot be made fails its tests; else they are skipped.
REQUIRED = "MULTIWEIGHT_REQUIRE_ENVIRONMENTS"

OPENCV4 = ("opencv-python-headless==4.14.0.94", "numpy==2.2.6")

CHECKOUT = Path(__file__).resolve().parents[1]
#: What a wheel is made from.
SOURCES = ("pyproject.toml", "README.md", "LICENSE")
#: What an installed program must not see of the tests' surroundings.
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "ENGINE", "RUNS", "DATA")


def clean() -> dict[str, str]:
    """This process's environment without the checkout in it."""
    return {name: value for name, value in os.environ.items() if name not in HIDDEN}


def cached_folder(name: str, made_from: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` that ``make`` filled from ``made_from``; filled anew where that has changed.

    Of several processes one fills it, and the others wait.
    """
    root = Path(os.environ.get(FOLDER) or CHECKOUT / "build" / "environments")
    root.mkdir(parents=True, exist_ok=True)
    folder, ready = root / name, root / name / "ready"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists() or ready.read_text() != made_from:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            ready.write_text(made_from)
    return folder


def environment(name: str, requirements: tuple[str, ...], interpreter: str = sys.executable) -> Path:
    """The Python of the environment ``name`` with exactly ``requirements``; made where it is not there yet.

    Needs the package index then; where it is out of reach the test is skipped, or fails with ``REQUIRED``.
    """

    def make(folder: Path) -> None:
        subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        own = {**os.environ, "PYTHONPATH": ""}
        done = subprocess.run([*pip, *requirements], env=own, capture_output=True, text=True, check=False)
        if done.returncode:
            last_line = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            message = f"NOT JUDGED: {' '.join(requirements)} cannot be installed ({last_line})"
            if os.environ.get(REQUIRED, "0") not in ("", "0"):
                pytest.fail(message, pytrace=False)
            pytest.skip(message)

    return cached_folder(name, f"{_version(interpreter)} {' '.join(requirements)}", make) / "bin" / "python"


def wheel() -> Path:
    """The project's wheel, built from a copy: a build leaves its folders beside the sources."""

    def make(folder: Path) -> None:
        copy = folder / "sources"
        copy.mkdir()
        for name in SOURCES:
            shutil.copy(CHECKOUT / name, copy)
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(CHECKOUT / "python", copy / "python", ignore=ignored)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*command, "-w", str(folder), str(copy)], check=True, env=clean(), timeout=300)
        shutil.rmtree(copy)

    (built,) = cached_folder("wheel", _digest(), make).glob("multiweight-*.whl")
    return built


class Installed:
    """An environment that holds the wheel, and the tests' own packages but for those named in ``without``."""

    def __init__(self, name: str, without: tuple[str, ...] = ()):
        built = wheel()
        own = Path(next(path for path in sys.path if path.endswith("site-packages")))

        def make(folder: Path) -> None:
            venv.create(folder, symlinks=True)
            packages = own
            if without:
                packages = folder / "packages"
                packages.mkdir()
                for path in own.iterdir():
                    if path.name.split("-")[0].split(".")[0] not in without:
                        (packages / path.name).symlink_to(path)
            (site,) = (folder / "lib").glob("python*/site-packages")
            command = [
                sys.executable,
                "-m",
                "pip",
                f"--python={folder / 'bin' / 'python'}",
                "install",
                "-q",
                "--no-deps",
            ]
            subprocess.run([*command, "--no-index", str(built)], check=True, env=clean(), timeout=300)
            # After the wheel's own place, so that the wheel is what is imported; .pth files there are not read again.
            (site / "packages_of_the_tests.pth").write_text(f"{packages}\n")

        listing = hashlib.sha256(" ".join(sorted(os.listdir(own))).encode()).hexdigest()
        self.bin = cached_folder(name, f"{_digest()} {own} {listing}", make) / "bin"

    def run(self, *command: object, folder: Path, status: int = 0) -> str:
        """What a program of the environment prints in ``folder``, both streams."""
        done = subprocess.run(
            [str(self.bin / str(command[0])), *map(str, command[1:])],
            cwd=folder, env={**clean(), "PATH": f"{self.bin}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}"
        return done.stdout


def _digest() -> str:
    """Of all that a wheel is made from."""
    digest = hashlib.sha256()
    generated = ("__pycache__", ".egg-info")
    own = [
        path
        for path in (CHECKOUT / "python").rglob("*")
        if path.is_file() and not any(x in str(path) for x in generated)
    ]
    for path in sorted([*own, *(CHECKOUT / name for name in SOURCES)]):
        # A file that goes away meanwhile is an editor's.
        with contextlib.suppress(FileNotFoundError):
            digest.update(f"{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _version(interpreter: str) -> str:
    command = [interpreter, "-c", "import sys; print(sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def interpreter(version: str) -> str:
    """A Python of ``version``, as 3.13, on this machine; where there is none the test is skipped, and says so."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for result in (*sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True), shutil.which(f"python{version}")):
        if result and subprocess.run([str(result), "-c", ""], capture_output=True).returncode == 0:
            return str(result)
    pytest.skip(f"NOT JUDGED: this machine has no Python {version}")
