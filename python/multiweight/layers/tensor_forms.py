"""The loss layers in tensors, which caffe_torch takes in place of the NumPy ones on an accelerator.

Their classes name these as ``tensor_form``; nothing else imports this file. Sums are float64 where the device has it.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.runtime import accelerator
from multiweight.layers import objectives

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class MultiWeightLoss:
    """MultiWeightLossLayer, without waiting for the device: labels other than 0 to 1 and -1 make the loss NaN."""

    def __init__(self, layer: Any):
        self.layer = layer
        self.objective = _objective(layer.objective)
        self._gamma: Tensor | None = None
        self._sizes: list[int] = []

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        labels = bottom[-1].tensor()
        images = labels.shape[0]
        self._place(labels.device)
        x = torch.cat([blob.tensor().reshape(images, -1) for blob in bottom[:-1]], dim=1)
        p = labels.reshape(images, -1)
        cost, self.slope = self.objective(x, p)
        unknown = p == -1
        bad = ((p < 0) & ~unknown) | (p > 1) | p.isnan()
        cost.masked_fill_(unknown, 0).masked_fill_(bad, torch.nan)
        self.slope.masked_fill_(unknown, 0)
        column = cost.sum(dim=0, dtype=self.gamma.dtype)
        self.loss = column @ self._membership / images
        top[0].assign(self.total(self.loss).float().reshape(1))
        if len(top) > 1:
            for blob, value in zip(top[1:], self.loss.float().split(1)):
                blob.assign(value)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if propagate_down[-1]:
            raise ValueError("MultiWeightLoss: the labels have no gradient: nothing below them can be trained")
        total = top[0].diff_tensor().reshape(()).to(self.gamma.dtype)
        factors = self.weights() * total
        if len(top) > 1:
            factors = factors + torch.cat([blob.diff_tensor().reshape(1) for blob in top[1:]])
        columns = (self._membership @ (factors / len(self.slope))).float()
        gradient = self.slope * columns
        for blob, part, wanted in zip(bottom, gradient.split(self._sizes, dim=1), propagate_down):
            if wanted:
                blob.assign_diff(part.reshape(blob.shape))
        self.learn(total)

    @property
    def gamma(self) -> Tensor:
        assert self._gamma is not None
        return self._gamma

    def _place(self, where: torch.device) -> None:
        """Constants on the device, once."""
        sizes = [int(n) for n in self.layer.starts[1:] - self.layer.starts[:-1]]
        if self._gamma is None or self._gamma.device != where or sizes != self._sizes:
            kind, self._sizes = accelerator.sum_type(where), sizes
            self._gamma = torch.tensor(self.layer.gamma, dtype=kind).to(where)
            # (labels, T): 1 where a label is of the group.
            groups = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
            self._membership = F.one_hot(groups, len(sizes)).to(kind).to(where)

    def weights(self) -> Tensor:
        """The factor on each J_t, (T,)."""
        return self.gamma

    def total(self, loss: Tensor) -> Tensor:
        """J of the J_t."""
        return (self.weights() * loss).sum()

    def learn(self, factor: Tensor) -> None:
        """Called in backward with the diff of the total's top: gradients and state of the layer's own blobs."""


class UncertaintyLoss(MultiWeightLoss):
    """UncertaintyLossLayer."""

    def _log_variance(self) -> Tensor:
        return self.layer.blobs[0].tensor().to(self.gamma.dtype)

    def weights(self) -> Tensor:
        return self.gamma * torch.exp(-self._log_variance())

    def total(self, loss: Tensor) -> Tensor:
        return (self.weights() * loss).sum() + 0.5 * self._log_variance().sum()

    def learn(self, factor: Tensor) -> None:
        self.layer.blobs[0].accumulate_diff((factor * (0.5 - self.weights() * self.loss)).float())


class DwaLoss(MultiWeightLoss):
    """DwaLossLayer, with its windows counted on the device."""

    def weights(self) -> Tensor:
        return self.gamma * self.layer.blobs[0].tensor()[3].to(self.gamma.dtype)

    def learn(self, factor: Tensor) -> None:
        state, counts = (blob.tensor() for blob in self.layer.blobs)
        running, last, before, weight = state
        running, passes = running + self.loss.float(), counts[0] + 1
        done = passes >= self.layer.window
        windows = counts[1] + done
        before, last = torch.where(done, last, before), torch.where(done, running / passes, last)
        kind = self.gamma.dtype
        weight = torch.where(done & (windows >= 2), self._shares(last.to(kind), before.to(kind)).float(), weight)
        self.layer.blobs[0].assign(torch.stack([torch.where(done, 0, running), last, before, weight]))
        self.layer.blobs[1].assign(torch.stack([torch.where(done, 0, passes), windows]))

    def _shares(self, last: Tensor, before: Tensor) -> Tensor:
        # A loss that was 0 and is 0 does not fall: its ratio is 1.
        ratio = torch.where(before > 0, last / torch.where(before > 0, before, 1), 1)
        return len(self.layer.groups) * torch.softmax(ratio / self.layer.temperature, dim=0)


class UwSoLoss(MultiWeightLoss):
    """UwSoLossLayer: the weights are those of the losses of the same pass."""

    def weights(self) -> Tensor:
        power = 1 / (self.loss.clamp(min=self.layer.least) * self.layer.temperature)
        return self.gamma * len(self.layer.groups) * torch.softmax(power, dim=0)


class LogSumLoss(MultiWeightLoss):
    """LogSumLossLayer."""

    def weights(self) -> Tensor:
        return self.gamma / (self.loss + self.layer.least)

    def total(self, loss: Tensor) -> Tensor:
        return (self.gamma * torch.log(loss + self.layer.least)).sum()


def _objective(of_layer: Any) -> Objective:
    """The tensor form of one of ``objectives``."""
    if isinstance(of_layer, objectives.Weighted):
        return _Weighted(_objective(of_layer.function), of_layer.present)
    if isinstance(of_layer, objectives.Focused):
        return _Focused(of_layer.focus, of_layer.focus_positive, of_layer.margin)
    if isinstance(of_layer, objectives.Hill):
        return _Hill(of_layer.focus, of_layer.margin, of_layer.hill)
    if isinstance(of_layer, objectives.Splc):
        return _Splc(of_layer.focus, of_layer.margin, of_layer.threshold)
    return _sigmoid


def _sigmoid(x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    cost = F.binary_cross_entropy_with_logits(x, p, reduction="none")
    return cost, torch.sigmoid(x).sub_(p)


class _Weighted:
    def __init__(self, function: Objective, present: np.ndarray):
        self.function, self.present = function, torch.tensor(present, dtype=torch.float32)

    def __call__(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        self.present = self.present.to(x.device)
        yes, yes_slope = self.function(x, torch.ones_like(x))
        no, no_slope = self.function(x, torch.zeros_like(x))
        share = p * self.present
        return share * yes + (1 - p) * no, share * yes_slope + (1 - p) * no_slope


class _Focused:
    def __init__(self, focus: float, focus_positive: float, margin: float):
        self.focus, self.focus_positive, self.margin = focus, focus_positive, margin

    def __call__(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        yes, yes_slope = _focal(x, self.focus_positive)
        if self.margin:
            no, no_slope = _shifted(x, self.focus, self.margin)
        else:
            no, no_slope = _focal(-x, self.focus)
            no_slope = -no_slope
        return p * yes + (1 - p) * no, p * yes_slope + (1 - p) * no_slope


class _Hill:
    def __init__(self, focus: float, margin: float, hill: float):
        self.focus, self.margin, self.hill = focus, margin, hill

    def __call__(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        yes, yes_slope = _focal(x - self.margin, self.focus)
        share, rest = torch.sigmoid(x), torch.sigmoid(-x)
        no, no_slope = (self.hill - share) * share**2, share**2 * rest * (2 * self.hill - 3 * share)
        return p * yes + (1 - p) * no, p * yes_slope + (1 - p) * no_slope


class _Splc:
    def __init__(self, focus: float, margin: float, threshold: float):
        self.focus, self.margin, self.threshold = focus, margin, threshold

    def __call__(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        yes, yes_slope = _focal(x - self.margin, self.focus)
        no, no_slope = _focal(-x, self.focus)
        taken, taken_slope = _focal(x, self.focus)
        missing = torch.sigmoid(x) > self.threshold
        no, no_slope = torch.where(missing, taken, no), torch.where(missing, taken_slope, -no_slope)
        return p * yes + (1 - p) * no, p * yes_slope + (1 - p) * no_slope


def _focal(x: Tensor, focus: float) -> tuple[Tensor, Tensor]:
    """-(1 - p^)^f log p^ and its slope."""
    share, rest, log_share = torch.sigmoid(x), torch.sigmoid(-x), F.logsigmoid(x)
    weight = rest**focus
    return -weight * log_share, weight * (focus * share * log_share - rest)


def _shifted(x: Tensor, focus: float, margin: float) -> tuple[Tensor, Tensor]:
    """-q^f log(1 - q) with q = max(p^ - margin, 0), and its slope."""
    share, rest = torch.sigmoid(x), torch.sigmoid(-x)
    q = (share - margin).clamp(min=0)
    log_rest = torch.log1p(-q)
    inside = q > 0
    base = torch.where(inside, q, 1)
    slope = share * rest * (base**focus / (1 - q) - focus * base ** (focus - 1) * log_rest)
    return torch.where(inside, -(base**focus) * log_rest, 0), torch.where(inside, slope, 0)
