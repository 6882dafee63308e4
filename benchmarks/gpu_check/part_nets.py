"""The paper's four nets, with the builtin loss and the one in Python, three iterations, GPU against CPU."""

from __future__ import annotations

from typing import Any

from deviations import deviation
from four_nets import NETS, trained
from parts import Target

import caffe_torch as caffe


def measure(target: Target) -> dict[str, Any]:
    """By net and loss the largest deviation of weights, updates and losses, of a blob's largest value; 1e-3 may be."""
    results: dict[str, str] = {}
    for name in ("multi_weight",) if target.emulated else NETS:
        head, gamma = NETS[name]
        for loss in ("builtin", "python"):
            caffe.set_mode_cpu()
            expected = trained(target.folder / f"{name}-{loss}-cpu", head, gamma, loss)
            caffe.set_mode_gpu()
            there = trained(target.folder / f"{name}-{loss}", head, gamma, loss)
            caffe.set_mode_cpu()
            worst = max(deviation(there[key], array) for key, array in expected.items())
            if not worst <= 1e-3:
                raise RuntimeError(f"{name}, {loss} loss: {worst:.1e} from the CPU")
            results[f"{name}, {loss} loss"] = f"{worst:.1e}"
    return results
