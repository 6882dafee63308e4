"""Normalize: of SSD, with a learned scale, and of happynear's fork, without one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fillers import fill

#: What happynear's fork adds to a sum of squares or sizes.
_LEAST = 1e-6


@register("Normalize")
class Normalize(FunctionLayer):
    """x / sqrt(sum of squares + eps), over an image or over the channels of a position.

    With ``norm_param`` it is SSD's, which multiplies by a learned scale, one or one per channel; without it happynear's
    fork's, over the channels, with the norms as a second top, whose gradient counts with ``bp_norm``.
    """

    tops = (1, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.scaled = self.param.HasField("norm_param")
        if len(bottom[0].shape) < 2:
            raise self.fail(f"needs a channel axis, found a blob of shape {bottom[0].shape}")
        if not self.scaled:
            self._setup_plain()
            return
        param = self.param.norm_param
        if len(top) > 1:
            raise self.fail("SSD's Normalize has one top")
        if not self.blobs:
            blob = self.new_blob(*(() if param.channel_shared else (bottom[0].shape[1],)))
            if param.HasField("scale_filler"):
                fill(blob, param.scale_filler)
            else:
                blob.assign(torch.ones(blob.shape))

    def _setup_plain(self) -> None:
        param = self.param.normalize_param
        if param.normalize_type not in ("L1", "L2"):
            raise self.fail(f"normalize_type must be L1 or L2, found {param.normalize_type!r}")
        if param.fix_gradient:
            raise self.fail("fix_gradient (happynear/caffe-windows) is not supported: the fork has it on a GPU alone")

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape = bottom[0].shape
        top[0].adopt_shape(shape)
        if len(top) > 1:
            top[1].adopt_shape((shape[0], 1, *shape[2:]))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0]
        if not self.scaled:
            if self.param.normalize_param.normalize_type == "L1":
                norm = x.abs().sum(dim=1, keepdim=True) + _LEAST
            else:
                norm = (x.square().sum(dim=1, keepdim=True) + _LEAST).sqrt()
            return [x / norm, norm if self.param.normalize_param.bp_norm else norm.detach()]
        param = self.param.norm_param
        axes = list(range(1, x.dim())) if param.across_spatial else [1]
        norm = (x.square().sum(dim=axes, keepdim=True) + param.eps).sqrt()
        return [x / norm * params[0].reshape(-1, *(1,) * (x.dim() - 2))]
