"""One update of the weights by their gradients: clip, normalise, decay, then the solver's rule."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from caffe_torch.errors import CaffeError
from caffe_torch.net import device_limits
from caffe_torch.net.params import Parameter
from caffe_torch.runtime import accelerator, device, log
from caffe_torch.runtime.threads import share_out
from caffe_torch.solver.device_updates import DEVICE_RULES
from caffe_torch.solver.rules import HISTORIES, RULES, in_step


class Updates:
    """The rule of a solver ``type`` with its history: a list of tensors a parameter, ``HISTORIES[type]`` lists."""

    def __init__(self, kind: str, param: Any, parameters: list[Parameter]):
        self._kind, self._rule, self._param, self._parameters = kind, RULES[kind], param, parameters
        self.history = [[torch.zeros(p.blob.shape) for p in parameters] for _ in range(HISTORIES[kind])]

    def apply(self, iteration: int, rate: float) -> None:
        """Change every parameter at learning rate ``rate``; its diff holds the update afterwards, as in Caffe."""
        scale = self._clip_scale()
        where = device.current()
        if where.type != "cpu":
            try:
                self._apply_on_device(where, iteration, rate, scale)
            except (MemoryError, RuntimeError, TypeError) as error:
                device_limits.tell(f"the update by {self._kind}", error)
                raise
            return
        with torch.no_grad():
            for i, parameter in enumerate(self._parameters):
                for history in self.history:
                    if history[i].device != where:
                        history[i] = history[i].to(where)
                gradient = parameter.blob.diff_tensor()
                change = partial(self._change, i, iteration, rate * parameter.lr_mult, scale, gradient)
                parameter.blob.change(change)
                parameter.blob.assign_diff(gradient)

    def _apply_on_device(self, where: torch.device, iteration: int, rate: float, scale: float) -> None:
        """The same, for all parameters of one rate and decay at once: a device waits for few kernels, not for many."""
        groups: dict[tuple[float, float], list[int]] = {}
        for i, parameter in enumerate(self._parameters):
            groups.setdefault((parameter.lr_mult, parameter.decay_mult), []).append(i)
        with torch.no_grad():
            for history in self.history:
                history[:] = [h if h.device == where else h.to(where) for h in history]
            for (lr_mult, decay_mult), members in groups.items():
                blobs = [self._parameters[i].blob for i in members]
                weights, gradients = [b.tensor() for b in blobs], [b.diff_tensor() for b in blobs]
                if scale != 1:
                    torch._foreach_mul_(gradients, scale)
                if self._param.iter_size > 1:
                    torch._foreach_div_(gradients, self._param.iter_size)
                self._decay_all(decay_mult, weights, gradients)
                histories = [[history[i] for i in members] for history in self.history]
                updates = DEVICE_RULES[self._kind](self._param, iteration, rate * lr_mult, gradients, histories)
                torch._foreach_sub_(weights, updates)
                torch._foreach_copy_(gradients, updates)
                for blob, weight, gradient in zip(blobs, weights, gradients):
                    blob.assign(weight)
                    blob.assign_diff(gradient)

    def _decay_all(self, multiplier: float, weights: list[Tensor], gradients: list[Tensor]) -> None:
        decay = self._param.weight_decay * multiplier
        if not decay:
            return
        kind = self._param.regularization_type
        terms = weights if kind == "L2" else torch._foreach_sign(weights) if kind == "L1" else None
        if terms is None:
            raise _unknown_regularization(kind)
        torch._foreach_add_(gradients, terms, alpha=decay)

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
        if not norm > limit:  # so that a limit or a norm that is NaN clips nothing, as in the original
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
        raise _unknown_regularization(param.regularization_type)


def _unknown_regularization(kind: str) -> CaffeError:
    return CaffeError(f"solver: regularization_type {kind!r} is unknown (known: L1, L2)")
