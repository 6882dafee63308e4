"""The benchmark of memory over many image sizes: each engine that is there gets a line of figures."""

import os
import re
import subprocess
import sys
from pathlib import Path

import unchecked

REPOSITORY = Path(__file__).resolve().parents[2]


@unchecked.unless(Path("/proc/self/status").exists(), "what each process holds", "it is read from Linux's /proc")
def test_it_prints_what_each_process_holds():
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "sizes.py"), "--sizes", "2"],
        capture_output=True, text=True, timeout=300, env={**os.environ, "MULTIWEIGHT_ORIGINAL_ROOT": "/nonexistent"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = re.search(r"^caffe_torch +(\d+) +(\d+) +(\d+) +(-?\d+) +(\d+)$", done.stdout, re.MULTILINE)
    assert row, done.stdout
    begin, largest, end, growth, most = map(int, row.groups())
    assert 50 < begin <= largest <= most and abs(end - begin - growth) <= 1
