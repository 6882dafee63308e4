"""BN: batch normalisation with a scale and shift of its own, of PSPNet and yjxiong's Caffe, and of SegNet."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import register
from caffe_torch.layers.elementwise import ElementwiseLayer
from caffe_torch.layers.fillers import fill

#: SegNet's, which has no field for it.
_SEGNET_EPS = 1e-9


@register("BN")
class BN(ElementwiseLayer):
    """(x - mean) / sqrt(variance + eps) * slope + bias, a channel; parameters (1, c, 1, 1).

    With ``scale_filler``, ``shift_filler`` or ``bn_mode`` it is SegNet's, of two parameters: always the batch's own
    statistics, or none at all (INFERENCE: they are folded into scale and shift). Else PSPNet's, of four: slope, bias,
    running mean and running variance, which take the batch's by 1 - momentum in TRAIN, and stand in for them in TEST
    or ``frozen``.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.bn_param
        if len(bottom[0].shape) < 2:
            raise self.fail(f"needs a channel axis, found a blob of shape {bottom[0].shape}")
        segnets = [name for name in ("scale_filler", "shift_filler", "bn_mode") if param.HasField(name)]
        others = [name for name in ("slope_filler", "bias_filler", "momentum", "frozen") if param.HasField(name)]
        if segnets and others:
            raise self.fail(f"bn_param has {segnets[0]} of SegNet's and {others[0]} of PSPNet's: give those of one")
        self.segnet = bool(segnets)
        shape = (1, bottom[0].shape[1], 1, 1)
        if not self.blobs:
            slope, bias = (
                (param.scale_filler, param.shift_filler) if self.segnet else (param.slope_filler, param.bias_filler)
            )
            fill(self.new_blob(*shape), slope)
            fill(self.new_blob(*shape), bias)
            if not self.segnet:
                self.new_blob(*shape)
                self.new_blob(*shape).assign(torch.full(shape, float(param.frozen)))
        if not self.segnet:
            self._fix_rates(4, (0, 1, 2, 3) if param.frozen else (2, 3))

    def _fix_rates(self, count: int, fixed: tuple[int, ...]) -> None:
        """No solver touches the statistics, nor anything of a frozen layer."""
        while len(self.param.param) < count:
            self.param.param.add()
        for index in fixed:
            self.param.param[index].lr_mult = self.param.param[index].decay_mult = 0

    def function(self, x: Tensor, params: list[Tensor]) -> Tensor:
        param = self.param.bn_param
        slope, bias = params[0].reshape(-1), params[1].reshape(-1)
        if self.segnet:
            if param.bn_mode == param.INFERENCE:
                sides = (1, -1, *(1,) * (x.dim() - 2))
                return x * slope.reshape(sides) + bias.reshape(sides)
            return self._by_batch(x, slope, bias, _SEGNET_EPS)
        if param.frozen or self.phase == 1:
            mean, variance = params[2].detach().reshape(-1), params[3].detach().reshape(-1)
            return F.batch_norm(x, mean, variance, slope, bias, training=False, eps=param.eps)
        if not x.numel():
            raise self.fail(f"no values to take a mean of, its bottom has the shape {tuple(x.shape)}")
        with torch.no_grad():
            variance, mean = torch.var_mean(x, dim=[0, *range(2, x.dim())], correction=0)
            for blob, new in zip(self.blobs[2:], (mean, variance)):
                blob.assign(param.momentum * blob.tensor() + (1 - param.momentum) * new.reshape(blob.shape))
        return self._by_batch(x, slope, bias, param.eps)

    def _by_batch(self, x: Tensor, slope: Tensor, bias: Tensor, eps: float) -> Tensor:
        # Written out: F.batch_norm refuses one value per channel, whose variance is 0.
        axes, sides = [0, *range(2, x.dim())], (1, -1, *(1,) * (x.dim() - 2))
        centred = x - x.mean(dim=axes, keepdim=True)
        deviation = (centred.square().mean(dim=axes, keepdim=True) + eps).sqrt()
        return centred / deviation * slope.reshape(sides) + bias.reshape(sides)
