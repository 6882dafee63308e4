"""caffe_torch with a fault planted in it, under runner.py: the suite must turn red (test_planted_faults.py).

    python planted.py FOLDER ENGINE MODULE FIRST

MULTIWEIGHT_PARITY_FAULT names the fault. Each replaces one function of caffe_torch in this process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pair
import runner

from caffe_torch.layers import inner_product, losses, lrn, pooling
from caffe_torch.solver.solver import Solver

FAULTS: dict[str, Callable[[], None]] = {}


def fault(plant: Callable[[], None]) -> Callable[[], None]:
    FAULTS[plant.__name__] = plant
    return plant


@fault
def lrn_alpha() -> None:
    """alpha not divided by the number of channels."""
    setup = lrn.LRN.setup

    def spoilt(self: Any, bottom: Any, top: Any) -> None:
        setup(self, bottom, top)
        self.param.lrn_param.alpha *= self.param.lrn_param.local_size

    lrn.LRN.setup = spoilt  # type: ignore[method-assign]


@fault
def momentum() -> None:
    """The momentum off by a hundredth."""
    start = Solver.__init__

    def spoilt(self: Any, *args: Any) -> None:
        start(self, *args)
        self.param.momentum *= 1.01

    Solver.__init__ = spoilt  # type: ignore[method-assign,assignment]


@fault
def pooling_edge() -> None:
    """Output sizes rounded down, as PyTorch does by default."""
    read = pooling.read_window

    def spoilt(*args: Any) -> Any:
        window = read(*args)
        return pooling.PoolingWindow(window.kernel, window.stride, window.pad, floor=True)

    pooling.read_window = spoilt  # type: ignore[assignment]


@fault
def bias_gradient() -> None:
    """The gradient of InnerProduct's bias forgotten."""
    backward = inner_product.InnerProduct.backward

    def spoilt(self: Any, top: Any, propagate_down: Any, bottom: Any) -> None:
        backward(self, top, propagate_down, bottom)
        if len(self.blobs) > 1:
            self.blobs[1].clear_diff()

    inner_product.InnerProduct.backward = spoilt  # type: ignore[method-assign]


@fault
def normalization() -> None:
    """SigmoidCrossEntropyLoss averaged over labels too."""
    normalizer = losses.SigmoidCrossEntropyLoss.normalizer

    def spoilt(self: Any, default: int, *args: Any) -> Any:
        return normalizer(self, self.param.loss_param.FULL, *args)

    losses.SigmoidCrossEntropyLoss.normalizer = spoilt  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    FAULTS[os.environ[pair.FAULT]]()
    runner.main(*sys.argv[1:])
