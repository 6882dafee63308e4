"""The schemes of weights: one function each, with its source. A new one is a function here, and nothing elsewhere.

A function takes :class:`Groups` and returns gamma, one float64 per group. ``constant`` names the number it takes, if
any, with its default. A scheme whose weights change in training names a pycaffe layer of ``layers/`` in WEIGHTINGS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from multiweight.base.errors import UserError


@dataclass(frozen=True)
class Groups:
    """What a scheme may look at: names, proportions ``r`` (T,), training images ``n`` (T,) or None, the constant."""

    names: tuple[str, ...]
    r: np.ndarray
    n: np.ndarray | None
    constant: float


@dataclass(frozen=True)
class Constant:
    """A scheme's number: its name in formulas, its default, and the largest value it must stay below."""

    name: str
    default: float
    below: float = float("inf")


@dataclass(frozen=True)
class Weighting:
    """How the loss is weighted: the layer's file in ``layers/``, its class, the total as a prototxt's comment has it,
    the lr_mult of each blob of its own, and the NetSettings that go into its param_str."""

    module: str
    layer: str
    formula: str
    lr_mults: tuple[float, ...] = ()
    settings: tuple[str, ...] = ()


#: What the solver learns moves with it, and never decays; a layer's state moves by the layer alone.
WEIGHTINGS = {
    "fixed": Weighting("multi_weight_loss", "MultiWeightLossLayer", "Eq. (3), J = sum gamma_t J_t"),
    "uncertainty": Weighting(
        "uncertainty_loss", "UncertaintyLossLayer", "J = sum (exp(-s_t) J_t + s_t / 2), s learned", (1,)
    ),
    "dwa": Weighting(
        "dwa_loss", "DwaLossLayer", "J = sum w_t J_t, w by how fast each J_t falls", (0, 0), ("temperature", "window")
    ),
    "uw_so": Weighting(
        "uw_so_loss", "UwSoLossLayer", "J = sum w_t J_t, w the softmax of 1 / J_t", settings=("temperature",)
    ),
    "log_sum": Weighting("log_sum_loss", "LogSumLossLayer", "J = sum log J_t"),
    "random_weights": Weighting(
        "random_weights_loss", "RandomWeightsLossLayer", "J = sum w_t J_t, w drawn anew for each pass", (0,)
    ),
}


@dataclass(frozen=True)
class Scheme:
    """A registered scheme; ``weighting`` is a key of WEIGHTINGS: gamma stays ``fixed``, or a layer changes it."""

    name: str
    function: Callable[[Groups], np.ndarray]
    source: str
    constant: Constant | None
    weighting: str


SCHEMES: dict[str, Scheme] = {}

_Function = Callable[[Groups], np.ndarray]


def scheme(
    name: str, source: str, constant: Constant | None = None, weighting: str = "fixed"
) -> Callable[[_Function], _Function]:
    """Register a function under ``name``."""

    def register(function: _Function) -> _Function:
        SCHEMES[name] = Scheme(name, function, source, constant, weighting)
        return function

    return register


_C = Constant("c", 3.0)


@scheme("ones", "Section III: multi-task learning, all losses equal")
def ones(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme("proportion", "Section IV-C: gamma_t = r_t")
def proportion(groups: Groups) -> np.ndarray:
    return groups.r.copy()


@scheme("smoothed", "Eq. (11): r_t where r_t >= r_avg/c, else r_avg/c", _C)
def smoothed(groups: Groups) -> np.ndarray:
    return np.maximum(groups.r, groups.r.mean() / groups.constant)


@scheme("inverse_smoothed", "the other reading of Section IV-E: 1/max(r_t, r_avg/c)", _C)
def inverse_smoothed(groups: Groups) -> np.ndarray:
    return 1.0 / smoothed(groups)


@scheme("inverse", "inverse proportion: 1/r_t")
def inverse(groups: Groups) -> np.ndarray:
    return 1.0 / _present(groups)


@scheme("sqrt_inverse", "square root of the inverse proportion: 1/sqrt(r_t)")
def sqrt_inverse(groups: Groups) -> np.ndarray:
    return 1.0 / np.sqrt(_present(groups))


@scheme(
    "class_balanced",
    "effective number of images, Cui et al. 2019: (1 - beta)/(1 - beta^n_t)",
    Constant("beta", 0.999, below=1.0),
)
def class_balanced(groups: Groups) -> np.ndarray:
    _present(groups)
    if groups.n is None:
        raise UserError("scheme class_balanced needs the numbers of training images, and only proportions are known")
    beta = groups.constant
    # 1 - beta^n without the loss of digits that beta near 1 would bring.
    return (1.0 - beta) / -np.expm1(groups.n * np.log(beta))


@scheme("uncertainty", "learned by the solver, Kendall et al. 2018: exp(-s_t), starting at 1", weighting="uncertainty")
def uncertainty(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme(
    "dwa",
    "dynamic weight average, Liu et al. 2019: by how fast each loss falls, starting at 1",
    Constant("temperature", 2.0),
    weighting="dwa",
)
def dwa(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme(
    "uw_so",
    "softmax of the inverse losses, Kirchdorfer et al. 2024 (arXiv 2408.07985)",
    Constant("temperature", 20.0),
    weighting="uw_so",
)
def uw_so(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme("log_sum", "scale-invariant: the sum of log J_t, Lin et al. 2023 (arXiv 2308.12029)", weighting="log_sum")
def log_sum(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme("random_weights", "a control: drawn anew for each pass, Lin et al. 2021", weighting="random_weights")
def random_weights(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


def _present(groups: Groups) -> np.ndarray:
    """r, all above 0; UserError names a group without training images, of which no inverse is known."""
    for name, value in zip(groups.names, groups.r):
        if value == 0:
            raise UserError(
                f"group {name!r} has no training image, so this scheme has no weight for it: leave the group out of "
                "the catalog, or take a scheme such as inverse_smoothed"
            )
    return groups.r
