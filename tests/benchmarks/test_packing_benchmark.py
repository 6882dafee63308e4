"""The benchmark of packing: what it prints of its memory, and what it says where it cannot run."""

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*words, **variables):
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "packing.py"), *words],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **variables},
    )  # fmt: skip


def test_it_prints_the_peak_of_packing():
    done = run("memory", "60")
    assert done.returncode == 0, done.stderr
    (mib,) = re.fullmatch(r"  60 records, 256x256: \d+ s, peak (\d+) MiB\n", done.stdout).groups()
    assert 20 < int(mib) < 2000


def test_what_it_cannot_do_is_said():
    done = run("speed", MULTIWEIGHT_ORIGINAL_ROOT="/nonexistent", MULTIWEIGHT_ORIGINAL_PYTHON="")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("no original Caffe to compare with: /nonexistent (MULTIWEIGHT_ORIGINAL_ROOT)")
    done = run("memory", "-1")
    assert done.returncode == 2 and "records = -1: expected more than 10" in done.stderr


def test_a_command_that_fails_is_told_with_its_own_words():
    run_one = (
        "import sys, packing; packing.measured([sys.executable, '-c', 'import sys; print(1); sys.exit(\"it broke\")'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", run_one], cwd=REPOSITORY / "benchmarks", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.strip().endswith("status 1: it broke")
