"""One update of the weights by their gradients: clip, normalise, decay, then the solver's rule."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from caffe_torch.errors import CaffeError
from caffe_torch.net.params import Parameter
from caffe_torch.runtime import accelerator, device, log
from caffe_torch.runtime.threads import share_out
from caffe_torch.solver.rules import HISTORIES, RULES, in_step


class Updates:
    """The rule of a solver ``type`` with its history: a list of tensors a parameter, ``HISTORIES[type]`` lists."""

    def __init__(self, kind: str, param: Any, parameters: list[Parameter]):
        self._rule, self._param, self._parameters = RULES[kind], param, parameters
        self.history = [[torch.zeros(p.blob.shape) for p in parameters] for _ in range(HISTORIES[kind])]

    def apply(self, iteration: int, rate: float) -> None:
        """Change every parameter at learning rate ``rate``; its diff holds the update afterwards, as in Caffe."""
        scale = self._clip_scale()
        where = device.current()
        with torch.no_grad():
            for i, parameter in enumerate(self._parameters):
                for history in self.history:
                    if history[i].device != where:
                        history[i] = history[i].to(where)
                gradient = parameter.blob.diff_tensor()
                change = partial(self._change, i, iteration, rate * parameter.lr_mult, scale, gradient)
                parameter.blob.change(change)
                parameter.blob.assign_diff(gradient)

    def _change(self, i: int, iteration: int, rate: float, scale: float, gradient: Tensor, weights: Tensor) -> None:
        """Change the ``weights`` of parameter ``i``, its gradient and history."""
        param, decay = self._param, self._parameters[i].decay_mult

        def change(part: tuple[Tensor, ...]) -> None:
            w, g, *history = part
            if scale != 1:
                g.mul_(scale)
            if param.iter_size > 1:
                g.div_(param.iter_size)
            _decay(param, decay, w, g)
            update = self._rule(param, iteration, rate, g, history)
            w.sub_(update)
            g.copy_(update)

        share_out(change, in_step(weights, gradient, *(h[i] for h in self.history)))

    def _clip_scale(self) -> float:
        limit = self._param.clip_gradients
        if limit < 0:
            return 1.0
        kind = accelerator.sum_type(device.current())
        squares = [p.blob.diff_tensor().to(kind).square().sum() for p in self._parameters]
        norm = float(torch.stack(squares).sum()) ** 0.5 if squares else 0.0
        if norm <= limit:
            return 1.0
        log.info(
            f"Gradient clipping: scaling down gradients (L2 norm {norm:g} > {limit:g}) by scale factor {limit / norm:g}"
        )
        return limit / norm


def _decay(param: Any, multiplier: float, weights: Tensor, gradient: Tensor) -> None:
    decay = param.weight_decay * multiplier
    if not decay:
        return
    if param.regularization_type == "L2":
        gradient.add_(weights, alpha=decay)
    elif param.regularization_type == "L1":
        gradient.add_(weights.sign(), alpha=decay)
    else:
        raise CaffeError(f"solver: regularization_type {param.regularization_type!r} is unknown (known: L1, L2)")
