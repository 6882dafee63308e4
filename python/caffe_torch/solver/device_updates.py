"""The update of all parameters at once, for devices: a few kernels a rule instead of a few a parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

List = list[Tensor]
#: (SolverParameter, iteration, rate, gradients, histories) -> the updates; the lists are changed in place.
DeviceRule = Callable[[Any, int, float, List, Sequence[List]], List]


def _sgd(param: Any, iteration: int, rate: float, gradients: List, histories: Sequence[List]) -> List:
    (history,) = histories
    torch._foreach_mul_(history, param.momentum)
    torch._foreach_add_(history, gradients, alpha=rate)
    return history


def _nesterov(param: Any, iteration: int, rate: float, gradients: List, histories: Sequence[List]) -> List:
    before = torch._foreach_mul(histories[0], param.momentum)
    _sgd(param, iteration, rate, gradients, histories)
    updates = torch._foreach_mul(histories[0], 1 + param.momentum)
    torch._foreach_sub_(updates, before)
    return list(updates)


def _adagrad(param: Any, iteration: int, rate: float, gradients: List, histories: Sequence[List]) -> List:
    torch._foreach_addcmul_(histories[0], gradients, gradients)
    return _over_root(gradients, rate, histories[0], param.delta)


def _rmsprop(param: Any, iteration: int, rate: float, gradients: List, histories: Sequence[List]) -> List:
    torch._foreach_mul_(histories[0], param.rms_decay)
    torch._foreach_addcmul_(histories[0], gradients, gradients, value=1 - param.rms_decay)
    return _over_root(gradients, rate, histories[0], param.delta)


def _adadelta(param: Any, iteration: int, rate: float, gradients: List, histories: Sequence[List]) -> List:
    squares, past = histories
    torch._foreach_mul_(squares, param.momentum)
    torch._foreach_addcmul_(squares, gradients, gradients, value=1 - param.momentum)
    updates = torch._foreach_add(past, param.delta)
    torch._foreach_div_(updates, torch._foreach_add(squares, param.delta))
    torch._foreach_sqrt_(updates)
    torch._foreach_mul_(updates, gradients)
    torch._foreach_mul_(past, param.momentum)
    torch._foreach_addcmul_(past, updates, updates, value=1 - param.momentum)
    torch._foreach_mul_(updates, rate)
    return list(updates)


def _adam(param: Any, iteration: int, rate: float, gradients: List, histories: Sequence[List]) -> List:
    first, second = histories
    torch._foreach_mul_(first, param.momentum)
    torch._foreach_add_(first, gradients, alpha=1 - param.momentum)
    torch._foreach_mul_(second, param.momentum2)
    torch._foreach_addcmul_(second, gradients, gradients, value=1 - param.momentum2)
    t = iteration + 1
    correction = math.sqrt(1 - param.momentum2**t) / (1 - param.momentum**t)
    return _over_root(first, rate * correction, second, param.delta)


def _over_root(numerators: List, factor: float, squares: List, delta: float) -> List:
    """numerator * factor / (sqrt(square) + delta)"""
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, delta)
    updates = torch._foreach_mul(numerators, factor)
    torch._foreach_div_(updates, roots)
    return list(updates)


#: The rules of ``rules.RULES`` for all parameters of one rate at once.
DEVICE_RULES: dict[str, DeviceRule] = {
    "SGD": _sgd,
    "Nesterov": _nesterov,
    "AdaGrad": _adagrad,
    "RMSProp": _rmsprop,
    "AdaDelta": _adadelta,
    "Adam": _adam,
}
