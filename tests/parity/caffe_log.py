"""What `caffe train` logs, as numbers: losses, learning rates and outputs of the test net, by iteration."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

_LOSS = re.compile(r"\] Iteration (\d+)(?: \([^)]*\))?, loss = (\S+)")
_RATE = re.compile(r"\] Iteration (\d+), lr = (\S+)")
_TEST = re.compile(r"\] Iteration (\d+), Testing net")
_OUTPUT = re.compile(r"\] +(Train|Test) net output #\d+: (\S+) = (\S+)")


def parse(text: str) -> dict[str, np.ndarray]:
    """ "loss", "rate", "test/BLOB" and "train/BLOB" -> rows (iteration, value), in the order of the log."""
    rows: dict[str, list[tuple[int, float]]] = {}
    iteration = 0
    for line in text.splitlines():
        for pattern, name in ((_LOSS, "loss"), (_RATE, "rate"), (_TEST, "")):
            result = pattern.search(line)
            if result:
                iteration = int(result.group(1))
                if name:
                    rows.setdefault(name, []).append((iteration, float(result.group(2))))
        output = _OUTPUT.search(line)
        if output:
            name = f"{output.group(1).lower()}/{output.group(2)}"
            rows.setdefault(name, []).append((iteration, float(output.group(3))))
    return {name: np.array(values) for name, values in rows.items()}


def relative(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The largest |a - b| / |b| of each series; AssertionError where they do not log the same iterations.

    Six digits are logged: 1e-5 of a difference may be rounding.
    """
    assert set(ours) == set(theirs), f"other series: {sorted(set(ours) ^ set(theirs))}"
    worst = {}
    for name, expected in theirs.items():
        result = ours[name]
        assert result.shape == expected.shape and (result[:, 0] == expected[:, 0]).all(), f"{name}: other iterations"
        difference, scale = np.abs(result[:, 1] - expected[:, 1]), np.abs(expected[:, 1])
        worst[name] = float(np.where(difference == 0, 0, difference / np.where(scale == 0, 1, scale)).max())
    return worst
