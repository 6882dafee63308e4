"""The arithmetic of Caffe's solvers: learning-rate policies and, for each solver type, how history becomes an update.

Caffe keeps the learning rate inside the history, unlike PyTorch: history = momentum * history + rate * gradient, and
the weights lose the history. Each rule is ``rule(param, iteration, rate, gradient, history) -> update``; ``history`` is
the parameter's list of tensors, changed in place; its length is ``HISTORIES[type]``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Callable

from torch import Tensor

from caffe_torch.errors import CaffeError

Rule = Callable[[Any, int, float, Tensor, list[Tensor]], Tensor]

#: From here on exp overflows.
_LARGEST_EXPONENT = 709


def learning_rate(param: Any, iteration: int, step: int) -> tuple[float, int]:
    """(rate, current step) of a SolverParameter at ``iteration``; ``step`` is the last call's, for multistep."""
    policy, base, gamma = param.lr_policy, param.base_lr, param.gamma
    if policy in ("step", "sigmoid") and param.stepsize < 1:
        raise CaffeError(f"solver: lr_policy {policy!r} needs a stepsize of 1 or more, found {param.stepsize}")
    if policy in ("step", "exp", "inv", "multistep", "sigmoid") and not gamma >= 0:
        raise CaffeError(f"solver: lr_policy {policy!r} needs a gamma of 0 or more, found {gamma:g}")
    if policy == "poly" and param.max_iter < 1:
        raise CaffeError(f"solver: lr_policy 'poly' needs a max_iter of 1 or more, found {param.max_iter}")
    if policy == "fixed":
        return base, step
    if policy == "step":
        step = iteration // param.stepsize
        return base * _power(gamma, step), step
    if policy == "exp":
        return base * _power(gamma, iteration), step
    if policy == "inv":
        return base * _power(1 + gamma * iteration, -param.power), step
    if policy == "multistep":
        # One step an iteration, even where several are due.
        if step < len(param.stepvalue) and iteration >= param.stepvalue[step]:
            step += 1
        return base * _power(gamma, step), step
    if policy == "poly":
        return base * _power(1 - iteration / param.max_iter, param.power), step
    if policy == "sigmoid":
        exponent = -gamma * (iteration - param.stepsize)
        return base / (1 + math.exp(exponent)) if exponent < _LARGEST_EXPONENT else 0.0, step
    raise CaffeError(
        f"solver: lr_policy {policy!r} is unknown (known: fixed, step, exp, inv, multistep, poly, sigmoid)"
    )


def _power(value: float, exponent: float) -> float:
    """C's ``pow``: infinite or not a number where Python raises or gives a complex number."""
    try:
        result = value**exponent
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return math.nan if isinstance(result, complex) else result


def check(kind: str, param: Any) -> None:
    """CaffeError where settings of a solver type leave its updates undefined."""
    if kind == "Adam" and not (-1 < param.momentum < 1 and -1 <= param.momentum2 <= 1):
        raise CaffeError(
            f"solver: Adam needs a momentum below 1 and a momentum2 of 1 at most, found {param.momentum:g} and "
            f"{param.momentum2:g}"
        )
    if kind == "RMSProp" and not 0 <= param.rms_decay < 1:
        raise CaffeError(f"solver: RMSProp needs an rms_decay of at least 0 and below 1, found {param.rms_decay:g}")


def _sgd(param: Any, iteration: int, rate: float, gradient: Tensor, history: list[Tensor]) -> Tensor:
    return history[0].mul_(param.momentum).add_(gradient, alpha=rate)


def _nesterov(param: Any, iteration: int, rate: float, gradient: Tensor, history: list[Tensor]) -> Tensor:
    before = history[0].clone()
    history[0].mul_(param.momentum).add_(gradient, alpha=rate)
    return history[0] * (1 + param.momentum) - before * param.momentum


def _adagrad(param: Any, iteration: int, rate: float, gradient: Tensor, history: list[Tensor]) -> Tensor:
    history[0].addcmul_(gradient, gradient)
    return gradient * rate / (history[0].sqrt() + param.delta)


def _rmsprop(param: Any, iteration: int, rate: float, gradient: Tensor, history: list[Tensor]) -> Tensor:
    history[0].mul_(param.rms_decay).addcmul_(gradient, gradient, value=1 - param.rms_decay)
    return gradient * rate / (history[0].sqrt() + param.delta)


def _adadelta(param: Any, iteration: int, rate: float, gradient: Tensor, history: list[Tensor]) -> Tensor:
    squares, updates = history
    squares.mul_(param.momentum).addcmul_(gradient, gradient, value=1 - param.momentum)
    update = gradient * ((updates + param.delta) / (squares + param.delta)).sqrt()
    updates.mul_(param.momentum).addcmul_(update, update, value=1 - param.momentum)
    return update * rate


def _adam(param: Any, iteration: int, rate: float, gradient: Tensor, history: list[Tensor]) -> Tensor:
    first, second = history
    first.mul_(param.momentum).add_(gradient, alpha=1 - param.momentum)
    second.mul_(param.momentum2).addcmul_(gradient, gradient, value=1 - param.momentum2)
    t = iteration + 1
    correction = math.sqrt(1 - param.momentum2**t) / (1 - param.momentum**t)
    return first * (rate * correction) / (second.sqrt() + param.delta)


#: Elements updated at a time on a CPU: the operations of one update find weights, gradient and history in its caches.
_BLOCK = 1 << 20


def in_step(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Tensors of one shape cut into the same parts, as all rules work element by element; whole on a GPU."""
    if tensors[0].device.type != "cpu" or not all(t.is_contiguous() for t in tensors):
        yield tensors
    else:
        yield from zip(*(t.view(-1).split(_BLOCK) for t in tensors))


RULES: dict[str, Rule] = {
    "SGD": _sgd,
    "Nesterov": _nesterov,
    "AdaGrad": _adagrad,
    "RMSProp": _rmsprop,
    "AdaDelta": _adadelta,
    "Adam": _adam,
}
HISTORIES = {name: 2 if name in ("AdaDelta", "Adam") else 1 for name in RULES}
