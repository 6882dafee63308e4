"""A missing or unusable original is one sentence that says what to do; and a loud one at the end of the run."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import original
import pytest

LAYERS = Path(__file__).resolve().with_name("test_layers.py")
PYTEST = [sys.executable, "-m", "pytest", str(LAYERS), "-q", "-p", "no:cacheprovider"]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (original.PYTHON, original.ROOT, original.REQUIRED):
        monkeypatch.delenv(name, raising=False)


def reason() -> str:
    with pytest.raises(original.NoOriginal) as caught:
        original.find()
    result = str(caught.value)
    assert "\n" not in result and re.search(r"make original-root|MULTIWEIGHT_ORIGINAL_PYTHON=COMMAND", result)
    return result


def test_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(original, "REPOSITORY", tmp_path)
    assert "none is installed here" in reason()


def test_a_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(original.ROOT, str(tmp_path / "nowhere"))
    assert "is no folder" in reason()


def test_a_folder_that_is_no_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(original.ROOT, str(tmp_path))
    assert "has no usr/bin/python3" in reason()


def test_chroot_needs_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3").touch()
    monkeypatch.setenv(original.ROOT, str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in reason()


def test_no_such_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(original.PYTHON, "no-such-python3")
    assert "no-such-python3 is no program" in reason()


def test_a_python_without_caffe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(original.PYTHON, f"{sys.executable} -I -S")
    assert "cannot import caffe (ModuleNotFoundError" in reason()


def test_another_architecture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python3"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))  # the head of a program for no machine
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(original.PYTHON, str(program))
    assert "for another architecture" in reason()


@pytest.mark.parametrize("required", ["0", "1"])
def test_the_end_of_a_run_says_so(required: str, tmp_path: Path) -> None:
    """Not run: how many, and what to do. With MULTIWEIGHT_REQUIRE_ORIGINAL=1 that is a failure."""
    done = subprocess.run(
        [*PYTEST, "-k", "pooling_max_3s2"],
        env={**os.environ, original.ROOT: str(tmp_path / "nowhere"), original.REQUIRED: required},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if required == "1":
        assert done.returncode == pytest.ExitCode.TESTS_FAILED
        assert "MULTIWEIGHT_REQUIRE_ORIGINAL is set" in done.stdout and "no parity case was compared" in done.stdout
    else:
        assert done.returncode == pytest.ExitCode.OK
        assert "PARITY WITH THE ORIGINAL CAFFE WAS NOT CHECKED" in done.stdout
        output = (
            r"3 parity tests were not run: .*nowhere .MULTIWEIGHT_ORIGINAL_ROOT. is no folder; run `make original-root`"
        )
        assert re.search(output, done.stdout)


def test_no_case_is_a_failure_where_one_is_required() -> None:
    done = subprocess.run(
        [*PYTEST, "-k", "unique"],
        env={**os.environ, original.REQUIRED: "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED and "no parity case was compared" in done.stdout


def test_its_kernels_are_of_this_processors_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian 11's OpenBLAS does not know newer processors; what the caller says stands."""
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(original, "_processor_flags", lambda: frozenset({"avx2"}))
    assert original.environment()["OPENBLAS_CORETYPE"] == "Haswell"
    monkeypatch.setattr(original, "_processor_flags", frozenset)
    assert "OPENBLAS_CORETYPE" not in original.environment()
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    assert original.environment()["OPENBLAS_CORETYPE"] == "Zen"
