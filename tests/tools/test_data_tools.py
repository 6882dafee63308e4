"""The data tools as a person runs them: one after the other, again, and with mistakes."""

import os
import subprocess
import sys

import pytest

from multiweight.runs import REPOSITORY


def run(tool, *arguments, cwd):
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / tool), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
    )


STEPS = [
    ("make_sample_shop.py", "shop", "--products", "30", "--size", "48"),
    ("import_dataset.py", "shop", "--dataset", "small"),
    ("split.py", "--dataset", "small"),
    ("build_lmdb.py", "--dataset", "small", "--size", "32"),
]


def test_the_whole_way(tmp_path):
    for step in STEPS:
        done = run(*step, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "skipped" not in done.stdout
    done = run("verify_lmdb.py", "--dataset", "small", cwd=tmp_path)
    assert done.returncode == 0 and "sound: train" in done.stdout
    for step in STEPS:
        done = run(*step, cwd=tmp_path)
        assert done.returncode == 0 and "skipped, already" in done.stdout
    done = run("build_lmdb.py", "--dataset", "small", "--size", "64", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout.count("\n") == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "--overwrite" in done.stderr


@pytest.mark.parametrize("tool", ["import_dataset.py", "split.py", "build_lmdb.py", "verify_lmdb.py"])
def test_a_mistake_is_one_line(tmp_path, tool):
    data = ["nowhere"] if tool == "import_dataset.py" else []
    done = run(tool, *data, "--dataset", "none", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    assert run(tool, "--help", cwd=tmp_path).returncode == 0
