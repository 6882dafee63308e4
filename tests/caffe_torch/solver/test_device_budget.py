"""What a training step of the paper's net asks of a GPU, as counts: kernels beside a plain loop's, copies, waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "device_counts.py"


def test_the_multi_label_net_costs_little_more_than_a_plain_loop():
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--net", "multi_label"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    row = next(line for line in done.stdout.splitlines() if line.startswith("multi_label")).split()
    numbers = dict(zip(row[1::2], row[2::2]))
    assert float(numbers["ratio"]) <= 1.25
    # One upload a data top; nobody waits for the loss.
    assert (numbers["uploads"], numbers["downloads"], numbers["waits"]) == ("2", "0", "0")
