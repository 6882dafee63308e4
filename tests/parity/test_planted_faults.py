"""The suite can fail: with a fault planted in caffe_torch, exactly the tests that should be turn red."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import original
import pair
import pytest
from planted import FAULTS

HERE = Path(__file__).resolve().parent
#: Fault -> (file, -k, the tests that must fail, tests beside them that must pass).
EXPECTED = {
    "lrn_alpha": (
        "test_layers.py", "lrn_across_k or lrn_within_odd or relu_slope",
        ["lrn_across_k", "lrn_within_odd"], ["relu_slope", "relu_slope_in_place"],
    ),
    "momentum": (
        "test_solver_runs.py", "policy and (inv or fixed)",
        ["policy fixed", "policy inv", "policy fixed Adam", "policy inv Adam"], [],
    ),
    "pooling_edge": (
        "test_layers.py", "3s2_even or pooling_max_3s2p1 or pooling_max_whole or 3s2_on_3",
        ["pooling_max_3s2_even", "pooling_ave_3s2_even", "pooling_mask_3s2_even", "pooling_max_3s2p1"],
        ["pooling_max_whole", "pooling_edge_max_3s2_on_3", "pooling_edge_ave_3s2_on_3"],
    ),
    "bias_gradient": (
        "test_layers.py", "inner_product_plain or inner_product_no_bias",
        ["inner_product_plain"], ["inner_product_no_bias"],
    ),
    "normalization": (
        "test_layers.py", "sigmoid_cross_entropy_default or sigmoid_cross_entropy_full",
        ["sigmoid_cross_entropy_default", "sigmoid_cross_entropy_default_ignore"],
        ["sigmoid_cross_entropy_full", "sigmoid_cross_entropy_full_ignore"],
    ),
}  # fmt: skip


def test_every_fault_is_tried() -> None:
    assert set(EXPECTED) == set(FAULTS)


@pytest.mark.parametrize("fault", EXPECTED)
def test_turns_the_suite_red(fault: str) -> None:
    original.need()
    file, chosen, red, green = EXPECTED[fault]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(HERE / file), "-k", chosen, *"-rA -q --tb=no -p no:cacheprovider".split()],
        env={**os.environ, pair.FAULT: fault}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    for outcome, names in (("FAILED", red), ("PASSED", green)):
        lines = [line for line in done.stdout.splitlines() if line.startswith(outcome)]
        result = {line.partition("[")[2].partition("]")[0] for line in lines}
        assert result == set(names), done.stdout
