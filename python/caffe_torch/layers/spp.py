"""SPP: spatial pyramid pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.pooling import pool_average, pool_max, pool_stochastic
from caffe_torch.layers.pooling_window import PoolingWindow


@register("SPP")
class SPP(FunctionLayer):
    """Spatial pyramid pooling: level i divides the input into 2^i x 2^i bins; all bins of all levels side by side."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        shape, height = bottom[0].shape, self.param.spp_param.pyramid_height
        self.need_four_axes(bottom[0])
        if height < 1:
            raise self.fail("pyramid_height must be 1 or more")
        self.windows = []
        for level in range(height):
            bins = 2**level
            kernel = tuple(math.ceil(n / bins) for n in shape[2:])
            pad = tuple((k * bins - n + 1) // 2 for k, n in zip(kernel, shape[2:]))
            if any(p >= k for p, k in zip(pad, kernel)):
                raise self.fail(f"level {level} needs {bins} bins a side, too many for an input of {shape[2:]}")
            self.windows.append(PoolingWindow((kernel[0], kernel[1]), (kernel[0], kernel[1]), (pad[0], pad[1])))
        outputs = [w.output((shape[2], shape[3])) for w in self.windows]
        if height == 1:  # as in Caffe, one level is not flattened
            top[0].adopt_shape((*shape[:2], *outputs[0]))
        else:
            top[0].adopt_shape((shape[0], shape[1] * sum(h * w for h, w in outputs)))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.spp_param, inputs[0]
        levels = []
        for window in self.windows:
            if param.pool == param.MAX:
                levels.append(pool_max(x, window)[0])
            elif param.pool == param.AVE:
                levels.append(pool_average(x, window))
            else:
                levels.append(pool_stochastic(x, window, self.phase == 0))
        return [levels[0] if len(levels) == 1 else torch.cat([y.flatten(1) for y in levels], dim=1)]
