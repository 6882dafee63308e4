"""BatchNorm and MVN: zero mean and unit variance, over the batch or within each image."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import register
from caffe_torch.layers.elementwise import ElementwiseLayer


@register("BatchNorm")
class BatchNorm(ElementwiseLayer):
    """(x - mean) / sqrt(variance + eps) a channel, without scale or bias, which Caffe leaves to a Scale layer.

    Blobs: decayed sums of means and of variances (unbiased), and of the weights they are to be divided by. TRAIN uses
    the batch's own statistics and adds them to the sums; TEST (or use_global_stats) uses the sums. No solver touches
    them.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.batch_norm_param
        self.global_stats = param.use_global_stats if param.HasField("use_global_stats") else self.phase == 1
        self.channels = bottom[0].shape[1] if len(bottom[0].shape) > 1 else 1
        if not self.blobs:
            for size in (self.channels, self.channels, 1):
                self.new_blob(size)
        for spec in self.param.param:
            if spec.HasField("lr_mult") and spec.lr_mult != 0:
                raise self.fail("its blobs are statistics, no weights: lr_mult must be 0 or left out")
        while len(self.param.param) < 3:
            self.param.param.add()
        for spec in self.param.param:
            spec.lr_mult = 0

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) > 1 and shape[1] != self.channels:
            raise self.fail(f"was set up for {self.channels} channels, found a blob of shape {shape}")
        super().reshape(bottom, top)

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        param = self.param.batch_norm_param
        shape = x.shape
        x = x.reshape(shape[0], self.channels, *shape[2:]) if len(shape) > 1 else x.reshape(-1, 1)
        if self.global_stats:
            weight = params[2].detach()
            factor = torch.where(weight == 0, 0.0, 1 / weight)
            mean, variance = params[0].detach() * factor, params[1].detach() * factor
            return _normalised(x, mean, variance, param.eps).reshape(shape)
        if not x.numel():  # NaN would stay in the running sums for good
            raise self.fail(f"no values to take a mean of, its bottom has the shape {tuple(shape)}")
        samples = x.numel() // self.channels
        if samples == 1 or param.eps <= 0:  # PyTorch refuses both
            variance, mean = torch.var_mean(x, dim=[0, *range(2, x.dim())], correction=0)
            self._add(mean.detach(), variance.detach() * (samples / (samples - 1) if samples > 1 else 1.0))
            if samples == 1:  # the variance is 0
                return ((x - x.detach()) * 0).reshape(shape)
            return _normalised(x, mean, variance, param.eps).reshape(shape)  # NaN where a channel has no variance
        # With a momentum of 1 PyTorch's running values are this batch's own.
        mean, unbiased = x.new_zeros(self.channels), x.new_zeros(self.channels)
        y = F.batch_norm(x, mean, unbiased, training=True, momentum=1.0, eps=param.eps)
        self._add(mean, unbiased)
        return y.reshape(shape)

    def _add(self, mean: Tensor, unbiased: Tensor) -> None:
        """Add a batch's statistics to the decayed sums."""
        with torch.no_grad():
            fraction = self.param.batch_norm_param.moving_average_fraction
            for blob, new in zip(self.blobs, (mean, unbiased, torch.ones(1, device=mean.device))):
                blob.assign(blob.tensor() * fraction + new)


def _normalised(x: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """(x - mean) / sqrt(variance + eps), channel by channel."""
    if eps > 0:
        return F.batch_norm(x, mean, variance, training=False, eps=eps)
    spread = (1, -1, *(1,) * (x.dim() - 2))
    return (x - mean.reshape(spread)) / (variance + eps).sqrt().reshape(spread)


class _Standardise(torch.autograd.Function):
    """Rows with mean 0 and, if wanted, deviation 1; the gradient treats eps as Caffe does, as part of the deviation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, variance: bool, eps: float) -> Tensor:
        y = x - x.mean(dim=1, keepdim=True)
        deviation = torch.ones(1, device=x.device)
        if variance:
            deviation = y.square().mean(dim=1, keepdim=True).sqrt_().add_(eps)
            y = y / deviation
        ctx.save_for_backward(y if variance else None, deviation)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        y, deviation = ctx.saved_tensors
        dx = gradients[0] - gradients[0].mean(dim=1, keepdim=True)
        if y is not None:
            dx = (dx - y * (gradients[0] * y).mean(dim=1, keepdim=True)) / deviation
        return dx, None, None


@register("MVN")
class MVN(ElementwiseLayer):
    """Subtracts each image's mean, a channel or, ``across_channels``, of all; then divides by the deviation + eps."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) > 4:
            raise self.fail(f"needs a blob of at most 4 axes, found shape {shape}")
        super().reshape(bottom, top)
        top[0].adopt_shape((*shape, *(1,) * (4 - len(shape))))  # Caffe always makes it four axes

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        param = self.param.mvn_param
        shape = (*x.shape, *(1,) * (4 - x.dim()))
        rows = shape[0] if param.across_channels else shape[0] * shape[1]
        return _Standardise.apply(x.reshape(rows, -1), param.normalize_variance, param.eps).reshape(shape)
