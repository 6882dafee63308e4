"""Solver settings: SGD and a step policy as Caffe's AlexNet has them, and a base_lr that suits a sum over labels."""

from __future__ import annotations

import math
from dataclasses import MISSING, asdict, dataclass
from types import ModuleType
from typing import Any

from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.nets.trunks import TRUNKS
from multiweight.paper.methods import LONGEST, METHODS

ALEXNET_STEP = 100_000
RULE = "min(0.001, 0.01 / sqrt(L))"
#: Where the rate drops in a run, as a share of its iterations.
DROP = 0.8


@dataclass(frozen=True)
class SolverSettings:
    """How a net is trained; the defaults are Caffe's AlexNet's.

    ``iterations``, ``stepsize`` (iterations between drops of the rate by ``gamma_lr``), ``test_interval``, ``snapshot``
    and ``display`` count iterations; ``test_iter`` counts test batches.
    """

    base_lr: float = setting(MISSING, f"learning rate (default: {RULE}, L the number of labels)")
    iterations: int = setting(MISSING, f"length of training (default: {LONGEST}, the paper's)")
    stepsize: int = setting(
        MISSING, f"iterations between drops of the rate by 10 (default: {DROP:g} of --iterations, one drop)"
    )
    test_iter: int = setting(MISSING, "batches a test (default: the test split, at most 1000 images)")
    test_interval: int = setting(MISSING, "iterations between tests (default: a tenth of --iterations)")
    snapshot: int = setting(MISSING, "iterations between snapshots (default: a quarter of --iterations)")
    display: int = setting(20, "iterations between lines of the log (default: at most 20)")
    gamma_lr: float = setting(0.1, "factor on the rate at each drop")
    momentum: float = setting(0.9, "momentum")
    weight_decay: float = setting(0.0005, "weight decay")
    seed: int = setting(1, "random seed of weights, crops and dropout")

    def __post_init__(self) -> None:
        for name in ("base_lr", "iterations", "stepsize", "test_iter", "test_interval", "snapshot", "display"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UserError(f"solver setting {name} = {value}: expected a number above 0")
        if not 0 <= self.momentum < 1 or self.weight_decay < 0:
            raise UserError("solver settings momentum is 0 to below 1, weight_decay 0 or above")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def base_lr(labels: int, trunk: str = "alexnet") -> float:
    """The rule for base_lr, the same for every method: a function of the number of labels and of the trunk.

    Eq. (1) sums over labels, so the gradient that reaches the shared layers grows with them, and AlexNet's 0.01, made
    for one softmax, diverges: see prototxt/README.md for what was tried. Hence a tenth of it at most, and less above
    100 labels. gamma plays no part: else the methods would differ in more than their weights. A trunk with BatchNorm
    after every layer takes ten times as much (``Trunk.rate``).
    """
    if labels < 1:
        raise UserError(f"{labels} labels: expected at least 1")
    return float(f"{TRUNKS[trunk].rate * min(0.001, float(f'{0.01 / math.sqrt(labels):.2g}')):.2g}")


def for_paper(variant: str, labels: int) -> SolverSettings:
    """The committed nets' settings: 200,000 iterations for multi_label and 450,000 for the others (Section IV-C)."""
    return SolverSettings(
        base_lr=base_lr(labels),
        iterations=METHODS[variant].iterations if variant in METHODS else LONGEST,
        stepsize=ALEXNET_STEP,
        test_iter=1000,
        test_interval=1000,
        snapshot=10_000,
    )


def for_run(
    labels: int, iterations: int, test_images: int, test_batch_size: int, trunk: str = "alexnet", **chosen: Any
) -> SolverSettings:
    """Settings for a run of ``iterations``, the same for every method; ``chosen`` overrides them (None: default).

    The rate drops once, after ``DROP`` of the iterations. A test covers the test split, but no more than 1000 images:
    it is for the curve, mAP is measured on all of them afterwards.
    """
    settings: dict[str, Any] = dict(
        base_lr=base_lr(labels, trunk),
        stepsize=max(1, int(iterations * DROP)),
        test_iter=max(1, math.ceil(min(test_images, 1000) / test_batch_size)),
        test_interval=max(1, iterations // 10),
        snapshot=max(1, math.ceil(iterations / 4)),
        display=max(1, min(20, iterations // 50)),
    )
    settings.update((name, value) for name, value in chosen.items() if value is not None)
    return SolverSettings(iterations=iterations, **settings)


def solver(schema: ModuleType, settings: SolverSettings, net: str, snapshot_prefix: str, trunk: str = "alexnet") -> Any:
    """The SolverParameter; ``schema`` is the engine's caffe_pb2, ``net`` and ``snapshot_prefix`` paths as written.

    solver_mode is left out: GPU aborts a CPU build of Caffe, so the mode is the run's. A trunk with BatchNorm is not
    tested before training: its layers have no variance yet, and divide by the square root of their eps alone.
    """
    own = {"test_initialization": False} if TRUNKS[trunk].batch_norm else {}
    return schema.SolverParameter(
        **own,
        net=net,
        test_iter=[settings.test_iter],
        test_interval=settings.test_interval,
        base_lr=settings.base_lr,
        display=settings.display,
        max_iter=settings.iterations,
        lr_policy="step",
        gamma=settings.gamma_lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        stepsize=settings.stepsize,
        snapshot=settings.snapshot,
        snapshot_prefix=snapshot_prefix,
        random_seed=settings.seed,
        type="SGD",
    )
