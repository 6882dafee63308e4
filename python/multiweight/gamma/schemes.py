"""The schemes of weights: one function each, with its source. A new one is a function here, and nothing elsewhere.

A function takes :class:`Groups` and returns gamma, one float64 per group. ``constants`` are the numbers it takes, if
any, with their defaults. A scheme whose weights change in training names its ``layer``, one class in ``layers/``, which
is given the constants in its param_str. The class repeats their defaults in its ``settings``, for a prototxt that
leaves them out; tests/multiweight/gamma/test_schemes.py holds the two equal.
"""

from __future__ import annotations

import math
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
    """A scheme's number: its name in formulas, its default, the value it must stay below, and whether it is whole."""

    name: str
    default: float
    below: float = float("inf")
    whole: bool = False

    def checked(self, value: float, scheme: str) -> float:
        """``value``, an int where the constant is whole; UserError where it is out of range."""
        fits = math.isfinite(value) and 0 < value < self.below and (not self.whole or float(value).is_integer())
        if not fits:
            most = f" and below {self.below:g}" if math.isfinite(self.below) else ""
            kind = "whole number" if self.whole else "number"
            raise UserError(
                f"{self.name} = {value!r}: scheme {scheme} needs a {kind} above 0{most} (default {self.default:g})"
            )
        return int(value) if self.whole else value


@dataclass(frozen=True)
class Layer:
    """The layer that weights the losses: its file in ``layers/``, its class, the total as a prototxt's comment has it,
    and the lr_mult of each blob of its own."""

    module: str
    name: str
    formula: str
    #: What the solver learns moves with it (1), and never decays; a layer's state moves by the layer alone (0).
    lr_mults: tuple[float, ...] = ()


#: The layer of weights that stay what they are, and what NetSettings calls them.
FIXED = "fixed"
FIXED_LAYER = Layer("multi_weight_loss", "MultiWeightLossLayer", "Eq. (3), J = sum gamma_t J_t")


@dataclass(frozen=True)
class Scheme:
    """A registered scheme; without a ``layer`` its gamma stays fixed."""

    name: str
    function: Callable[[Groups], np.ndarray]
    source: str
    constants: tuple[Constant, ...]
    layer: Layer | None

    @property
    def constant(self) -> Constant | None:
        """The number that ``--c`` sets: the first."""
        return self.constants[0] if self.constants else None

    @property
    def weighting(self) -> str:
        """What NetSettings calls it: its own name where a layer changes the weights."""
        return FIXED if self.layer is None else self.name


SCHEMES: dict[str, Scheme] = {}

_Function = Callable[[Groups], np.ndarray]


def scheme(
    name: str, source: str, *constants: Constant, layer: Layer | None = None
) -> Callable[[_Function], _Function]:
    """Register a function under ``name``."""

    def register(function: _Function) -> _Function:
        SCHEMES[name] = Scheme(name, function, source, constants, layer)
        return function

    return register


def weightings() -> tuple[str, ...]:
    """What NetSettings may say of the weights."""
    return (FIXED, *(scheme.name for scheme in SCHEMES.values() if scheme.layer))


def layer_of(weighting: str) -> Layer:
    """The layer of one of ``weightings``."""
    return FIXED_LAYER if weighting == FIXED else SCHEMES[weighting].layer or FIXED_LAYER


def layer_constants(weighting: str, text: str) -> dict[str, float]:
    """What the layer of a weighting is given: its scheme's constants by name, those of ``text``, else the defaults.

    ``text`` is ``name=value`` once or more, with commas between. UserError for a name that the scheme does not have,
    for a value that is no number, and for one that is out of range.
    """
    known = {} if weighting == FIXED else {constant.name: constant for constant in SCHEMES[weighting].constants}
    values = {name: float(constant.default) for name, constant in known.items()}
    for item in filter(None, map(str.strip, text.split(","))):
        name, _, number = (part.strip() for part in item.partition("="))
        if name not in known:
            have = f"those of {weighting} are {', '.join(known)}" if known else f"{weighting} weights have none"
            raise UserError(f"constants {text!r}: {name!r} is unknown: {have}")
        try:
            values[name] = float(number)
        except ValueError:
            raise UserError(f"constants {text!r}: {item!r}: expected name=number, as {name}=2") from None
    return {name: known[name].checked(value, weighting) for name, value in values.items()}


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


@scheme("inverse_power", "a power of the inverse proportion: 1/r_t^power", Constant("power", 0.25))
def inverse_power(groups: Groups) -> np.ndarray:
    return _present(groups) ** -groups.constant


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


@scheme(
    "uncertainty",
    "learned by the solver, Kendall et al. 2018: exp(-s_t), starting at 1",
    layer=Layer("uncertainty_loss", "UncertaintyLossLayer", "J = sum (exp(-s_t) J_t + s_t / 2), s learned", (1,)),
)
def uncertainty(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme(
    "dwa",
    "dynamic weight average, Liu et al. 2019: by how fast each loss falls, starting at 1",
    Constant("temperature", 2.0),
    Constant("window", 100, whole=True),
    layer=Layer("dwa_loss", "DwaLossLayer", "J = sum w_t J_t, w by how fast each J_t falls", (0, 0)),
)
def dwa(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme(
    "uw_so",
    "softmax of the inverse losses, Kirchdorfer et al. 2024 (arXiv 2408.07985)",
    Constant("temperature", 20.0),
    layer=Layer("uw_so_loss", "UwSoLossLayer", "J = sum w_t J_t, w the softmax of 1 / J_t"),
)
def uw_so(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme(
    "log_sum",
    "scale-invariant: the sum of log J_t, Lin et al. 2023 (arXiv 2308.12029)",
    layer=Layer("log_sum_loss", "LogSumLossLayer", "J = sum log J_t"),
)
def log_sum(groups: Groups) -> np.ndarray:
    return np.ones_like(groups.r)


@scheme(
    "random_weights",
    "a control: drawn anew for each pass, Lin et al. 2021",
    layer=Layer("random_weights_loss", "RandomWeightsLossLayer", "J = sum w_t J_t, w drawn anew for each pass", (0,)),
)
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
