"""What a training step of the paper's nets asks of a GPU, as counts: kernels beside a plain loop's, copies, waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "device_counts.py"


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, float]]:
    """What the benchmark prints, by row."""
    done = subprocess.run([sys.executable, str(BENCHMARK)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines() if not line.startswith("plain")]
    return {row[0]: dict(zip(row[1::2], map(float, row[2::2]))) for row in rows}


@pytest.mark.parametrize("net, most", [("multi_label", 1.25), ("multi_task", 1.5), ("multi_weight", 1.5)])
def test_a_step_costs_little_more_than_a_plain_loop_s(counted, net, most):
    row = counted[net]
    assert row["ratio"] <= most
    # One upload a data top; nobody waits for the loss.
    assert (row["uploads"], row["downloads"], row["waits"]) == (2, 0, 0)


def test_a_loss_in_numpy_costs_one_copy_each_way(counted):
    """The images and the gradients go up; the labels are read where they are, on the host."""
    row = counted["multi_weight_numpy"]
    assert row["ratio"] <= 1.5
    assert (row["uploads"], row["downloads"], row["waits"]) == (2, 1, 1)
