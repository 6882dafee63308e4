"""Interp of DeepLab and PSPNet, and Upsample of SegNet and of YOLO."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register


@register("Interp")
class Interp(FunctionLayer):
    """Bilinear resizing whose corner pixels stay where they are.

    The size comes from ``zoom_factor``, ``shrink_factor``, both (shrunk first), ``height`` and ``width``, or a second
    bottom; ``pad_beg`` and ``pad_end`` (0 or less) first take pixels off at the beginning and the end.
    """

    bottoms = (1, 2)
    no_gradient = (1,)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.interp_param
        if param.pad_beg > 0 or param.pad_end > 0:
            raise self.fail(
                f"pad_beg {param.pad_beg} and pad_end {param.pad_end} must be 0 or less: they take pixels off"
            )
        if param.zoom_factor < 1 or param.shrink_factor < 1:
            raise self.fail(
                f"zoom_factor {param.zoom_factor} and shrink_factor {param.shrink_factor} must be 1 or more"
            )

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        param, shape = self.param.interp_param, bottom[0].shape
        self.need_four_axes(bottom[0])
        inner = [n + param.pad_beg + param.pad_end for n in shape[2:]]
        if min(inner) < 1:
            raise self.fail(f"pad_beg {param.pad_beg} and pad_end {param.pad_end} leave nothing of {shape[2:]}")
        if len(bottom) > 1:
            self.size = bottom[1].shape[2:4]
        elif param.HasField("zoom_factor") or param.HasField("shrink_factor"):
            shrunk = [(n - 1) // param.shrink_factor + 1 for n in inner]
            self.size = tuple(n + (n - 1) * (param.zoom_factor - 1) for n in shrunk)
        elif param.height > 0 and param.width > 0:
            self.size = (param.height, param.width)
        else:
            raise self.fail("needs zoom_factor, shrink_factor, height and width, or a second bottom of the size wanted")
        if len(self.size) != 2:
            raise self.fail(f"the second bottom must have 4 axes, found shape {bottom[1].shape}")
        top[0].adopt_shape((*shape[:2], *self.size))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param, x = self.param.interp_param, inputs[0]
        begin, height, width = -param.pad_beg, x.shape[2] + param.pad_end, x.shape[3] + param.pad_end
        x = x[:, :, begin:height, begin:width]
        return [F.interpolate(x, size=self.size, mode="bilinear", align_corners=True)]


@register("Upsample")
class Upsample(FunctionLayer):
    """With a second bottom, SegNet's: values go to the places that a Pooling layer's second top gives, the rest is 0.

    With one bottom, YOLO's: every pixel becomes ``scale`` x ``scale`` of them.
    """

    bottoms = (1, 2)
    no_gradient = (1,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        param, shape = self.param.upsample_param, bottom[0].shape
        self.need_four_axes(bottom[0])
        if len(bottom) == 1:
            self.scale = param.scale if param.HasField("scale") else 1
            if self.scale < 1:
                raise self.fail(f"scale must be 1 or more, found {self.scale}")
            top[0].adopt_shape((*shape[:2], shape[2] * self.scale, shape[3] * self.scale))
            return
        if bottom[1].shape != shape:
            raise self.fail(f"the mask must have the shape of the values, {shape}, found {bottom[1].shape}")
        if param.HasField("upsample_h") and param.HasField("upsample_w"):
            self.size = (param.upsample_h, param.upsample_w)
        else:
            scales = (param.scale_h, param.scale_w) if param.HasField("scale_h") else (param.scale, param.scale)
            self.size = (shape[2] * scales[0] - param.pad_out_h, shape[3] * scales[1] - param.pad_out_w)
        top[0].adopt_shape((*shape[:2], *self.size))

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0]
        if len(inputs) == 1:
            return [x.repeat_interleave(self.scale, dim=2).repeat_interleave(self.scale, dim=3)]
        places, count = inputs[1].detach().long().flatten(2), self.size[0] * self.size[1]
        if places.numel() and (int(places.min()) < 0 or int(places.max()) >= count):
            raise self.fail(
                f"the mask has places {int(places.min())} to {int(places.max())}, {self.size[0]} x {self.size[1]} "
                "pixels have fewer: give the size of the pooled blob by upsample_h and upsample_w"
            )
        y = x.new_zeros(*x.shape[:2], count).scatter(2, places, x.flatten(2))
        return [y.reshape(*x.shape[:2], *self.size)]
