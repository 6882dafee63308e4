"""The benchmark of training memory: a peak of each engine and their ratio."""

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ENGINES = ("caffe_torch", "plain PyTorch")


def test_it_prints_the_peaks_and_their_ratio():
    words = ["--batch=1", "--steps=1", "--threads=1", "--strict"]
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "memory.py"), *words],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "MULTIWEIGHT_ORIGINAL_ROOT": "/nonexistent", "MULTIWEIGHT_ORIGINAL_PYTHON": ""},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # of three engines the original is missing
    assert "AlexNet of prototxt/multi_label, batch 1, float32, 1 thread(s)" in done.stdout
    ours, plain = (float(re.search(rf"^  {name} +(\d+) MiB$", done.stdout, re.M)[1]) for name in ENGINES)
    assert 300 < ours < 8000 and 300 < plain < 8000
    ratio = float(re.search(r"^  caffe_torch / plain PyTorch: ([\d.]+)$", done.stdout, re.M)[1])
    assert abs(ratio - ours / plain) < 0.01
