"""LRN: local response normalisation across channels or within one."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register


@register("LRN")
class LRN(FunctionLayer):
    """x times s ** -beta, s = k + alpha / n * (sum of squares) over the n = local_size channels around.

    WITHIN_CHANNEL: over a window of local_size x local_size around instead, always divided by its full area, k = 1.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.lrn_param
        if param.local_size % 2 != 1:
            raise self.fail(f"local_size must be odd, found {param.local_size}")
        self.across = param.norm_region == param.ACROSS_CHANNELS

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.need_four_axes(bottom[0])
        top[0].adopt_shape(bottom[0].shape)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.lrn_param, inputs[0]
        size, pad, squares = param.local_size, param.local_size // 2, x * x
        # Beyond the edge are zeros, which count in the mean.
        if self.across:
            channels_by_pixels = squares.flatten(2).unsqueeze(1)
            mean = F.avg_pool2d(channels_by_pixels, (size, 1), stride=1, padding=(pad, 0)).reshape(x.shape)
            return [x * (param.k + param.alpha * mean).pow(-param.beta)]
        mean = F.avg_pool2d(squares, size, stride=1, padding=pad)
        return [x * (1 + param.alpha * mean).pow(-param.beta)]
