"""Fillers: how a parameter blob gets its first values, drawn from PyTorch's global CPU generator."""

from __future__ import annotations

import math
from typing import Any, Callable

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError


class FillerError(CaffeError):
    """A filler that cannot fill the blob; the net adds the layer's name."""


def fill(blob: Blob, filler: Any) -> None:
    """Fill ``blob``'s data as the FillerParameter ``filler`` says.

    Types: constant, uniform, gaussian, xavier, msra, positive_unitball, bilinear. Random ones draw from PyTorch's
    global CPU generator whatever the device, so that a seed gives the same weights everywhere. FillerError for an
    unknown type, for ``sparse`` with another type than gaussian, and for a blob of the wrong shape.
    """
    try:
        draw = _FILLERS[filler.type]
    except KeyError:
        raise FillerError(f"unknown filler type {filler.type!r} (known types: {', '.join(sorted(_FILLERS))})") from None
    if filler.sparse >= 0 and filler.type != "gaussian":
        raise FillerError(f"filler {filler.type!r}: sparse is for gaussian only")
    if blob.count == 0:
        raise FillerError(f"filler {filler.type!r}: the blob of shape {blob.shape} is empty")
    blob.assign(draw(blob.shape, filler))


def _constant(shape: tuple[int, ...], filler: Any) -> Tensor:
    return torch.full(shape, filler.value, dtype=torch.float32)


def _uniform(shape: tuple[int, ...], filler: Any) -> Tensor:
    if filler.min > filler.max:
        raise FillerError(f"filler 'uniform': min {filler.min} is above max {filler.max}")
    return torch.empty(shape).uniform_(filler.min, filler.max)


def _gaussian(shape: tuple[int, ...], filler: Any) -> Tensor:
    if not filler.std >= 0:
        raise FillerError(f"filler 'gaussian': std must be 0 or more, found {filler.std:g}")
    values = torch.empty(shape).normal_(filler.mean, filler.std)
    if filler.sparse >= 0:
        # On average `sparse` inputs of each output stay connected; Caffe divides by the number of outputs.
        if not shape:
            raise FillerError("filler 'gaussian': sparse needs a blob of at least one axis")
        if filler.sparse > shape[0]:
            raise FillerError(f"filler 'gaussian': sparse is {filler.sparse}, above the {shape[0]} outputs")
        values *= torch.empty(shape).bernoulli_(filler.sparse / shape[0])
    return values


def _fan(shape: tuple[int, ...], filler: Any) -> float:
    count = math.prod(shape)
    fan_in = count / shape[0] if shape else 1
    fan_out = count / shape[1] if len(shape) > 1 else count
    if filler.variance_norm == filler.FAN_OUT:
        return fan_out
    if filler.variance_norm == filler.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_in


def _xavier(shape: tuple[int, ...], filler: Any) -> Tensor:
    bound = math.sqrt(3.0 / _fan(shape, filler))
    return torch.empty(shape).uniform_(-bound, bound)


def _msra(shape: tuple[int, ...], filler: Any) -> Tensor:
    return torch.empty(shape).normal_(0.0, math.sqrt(2.0 / _fan(shape, filler)))


def _positive_unitball(shape: tuple[int, ...], filler: Any) -> Tensor:
    rows = torch.rand(shape).reshape(shape[0] if shape else 1, -1)
    return (rows / rows.sum(dim=1, keepdim=True)).reshape(shape)


def _bilinear(shape: tuple[int, ...], filler: Any) -> Tensor:
    if len(shape) != 4 or shape[2] != shape[3]:
        raise FillerError(f"filler 'bilinear': the blob must be 4-d with square kernels, found shape {shape}")
    half = math.ceil(shape[3] / 2.0)
    centre = (2 * half - 1 - half % 2) / (2.0 * half)
    line = 1 - (torch.arange(shape[3], dtype=torch.float64) / half - centre).abs()
    return (line[:, None] * line[None, :]).to(torch.float32).expand(shape).clone()


_FILLERS: dict[str, Callable[[tuple[int, ...], Any], Tensor]] = {
    "constant": _constant,
    "uniform": _uniform,
    "gaussian": _gaussian,
    "xavier": _xavier,
    "msra": _msra,
    "positive_unitball": _positive_unitball,
    "bilinear": _bilinear,
}
