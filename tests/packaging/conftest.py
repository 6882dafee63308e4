"""The project as a wheel, and environments that it is installed into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from checkout import REPOSITORY

#: What an installed program must not see of the tests' surroundings.
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "ENGINE", "RUNS", "DATA")


def clean() -> dict[str, str]:
    """This process's environment without the checkout in it."""
    return {name: value for name, value in os.environ.items() if name not in HIDDEN}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: a build leaves its folders beside the sources."""
    copy, made = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(REPOSITORY / "python", copy / "python", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", str(made), str(copy)], check=True, env=clean(), timeout=300)
    (found,) = made.glob("multiweight-*.whl")
    return found


class Installed:
    """A new environment that holds the wheel, and the tests' own packages but for those named in ``without``."""

    def __init__(self, folder: Path, wheel: Path, without: tuple[str, ...] = ()):
        venv.create(folder / "env", symlinks=True)
        self.bin = folder / "env" / "bin"
        own = Path(next(path for path in sys.path if path.endswith("site-packages")))
        packages = own
        if without:
            packages = folder / "packages"
            packages.mkdir()
            for path in own.iterdir():
                if path.name.split("-")[0].split(".")[0] not in without:
                    (packages / path.name).symlink_to(path)
        (site,) = (folder / "env" / "lib").glob("python*/site-packages")
        command = [sys.executable, "-m", "pip", f"--python={self.bin / 'python'}", "install", "-q", "--no-deps"]
        subprocess.run([*command, "--no-index", str(wheel)], check=True, env=clean(), timeout=300)
        # After the wheel's own place, so that the wheel is what is imported; .pth files there are not read again.
        (site / "packages_of_the_tests.pth").write_text(f"{packages}\n")

    def run(self, *command: object, folder: Path, status: int = 0) -> str:
        """What a program of the environment prints in ``folder``, both streams."""
        done = subprocess.run(
            [str(self.bin / str(command[0])), *map(str, command[1:])],
            cwd=folder, env={**clean(), "PATH": f"{self.bin}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)
