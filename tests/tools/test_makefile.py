"""What the Makefile refuses, and what it hands on to the tools."""

import subprocess

import pytest
from checkout import REPOSITORY


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    """What make would run, without running it."""
    return subprocess.run(["make", "-n", "READY=", "PY=python", *words], cwd=REPOSITORY, capture_output=True, text=True)


@pytest.mark.parametrize("setting", ["C=2", "RESCALE=1", "OBJECTIVE=focal"])
def test_what_belongs_to_a_scheme_needs_one(setting):
    done = make("prototxt", setting)
    assert done.returncode == 2 and "need SCHEME=" in done.stderr
    assert make("prototxt", setting, "SCHEME=smoothed").returncode == 0


@pytest.mark.parametrize(
    ("target", "tool"),
    [("shop", "make_sample_shop"), ("records", "import_dataset"), ("split", "split"), ("lmdb", "build_lmdb"),
     ("prototxt", "make_prototxt")],
)  # fmt: skip
def test_overwrite_reaches_the_steps_that_make_files(target, tool):
    assert f"tools/{tool}.py" in make(target).stdout and "--overwrite" not in make(target).stdout
    (line,) = [one for one in commands(make(target, "OVERWRITE=1").stdout) if f"tools/{tool}.py" in one]
    assert "--overwrite" in line


def commands(said: str) -> "list[str]":
    return said.replace("\\\n", "").splitlines()


def test_keywords_without_a_table(tmp_path):
    done = make("keywords", f"DATA={tmp_path}")
    assert done.returncode == 2 and "shop.csv or shop.jsonl" in done.stderr
