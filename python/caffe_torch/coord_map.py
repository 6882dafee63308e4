"""caffe.coord_map: how pixel coordinates of one blob of a NetSpec map to another's, and the Crop that aligns the two.

A map is (axis, scale, shift): coordinate x of a layer's bottom lies at ``x * scale + shift`` of its top; axis is the
last one before the spatial axes, None where a layer leaves coordinates alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from caffe_torch.net_spec import Function, Top, layers

Map = tuple[Any, Any, Any]

_IDENTITY: Map = (None, 1, 0)

PASS_THROUGH_LAYERS = [
    "AbsVal", "BNLL", "BatchNorm", "Bias", "Dropout", "ELU", "Eltwise", "Exp", "LRN", "Log", "MVN", "PReLU", "Power",
    "ReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold",
]  # fmt: skip

_LEGACY = {"pad_h", "pad_w", "kernel_h", "kernel_w", "stride_h", "stride_w"}


class UndefinedMapException(Exception):
    """A layer whose coordinates have no map, such as InnerProduct."""


class AxisMismatchException(Exception):
    """Two maps that begin at different axes."""


def conv_params(fn: Function) -> Map:
    """(axis, stride, extent of the dilated kernel, pad) of a Convolution, Deconvolution, Im2col or Pooling layer."""
    params = fn.params.get("convolution_param", fn.params)
    if _LEGACY & set(fn.params):
        raise AssertionError(f"{fn.type_name}: cropping does not support {sorted(_LEGACY & set(fn.params))}")
    kernel, stride, dilation, pad = (
        np.array(params[name] if name == "kernel_size" else params.get(name, default), ndmin=1)
        for name, default in (("kernel_size", None), ("stride", 1), ("dilation", 1), ("pad", 0))
    )
    return params.get("axis", 1), stride, (kernel - 1) * dilation + 1, pad  # type: ignore[return-value]


def crop_params(fn: Function) -> tuple[int, np.ndarray]:
    """(axis, offsets) of a Crop layer."""
    params = fn.params.get("crop_param", fn.params)
    return params.get("axis", 2), np.array(params.get("offset", 0), ndmin=1)


def coord_map(fn: Function) -> Map:
    """The map of one layer; UndefinedMapException where it has none."""
    if fn.type_name in ("Convolution", "Pooling", "Im2col"):
        axis, stride, extent, pad = conv_params(fn)  # type: ignore[misc]
        return axis, 1 / stride, (pad - (extent - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, extent, pad = conv_params(fn)  # type: ignore[misc]
        return axis, stride, (extent - 1) / 2 - pad
    if fn.type_name in PASS_THROUGH_LAYERS:
        return _IDENTITY
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        return axis - 1, 1, -offset
    raise UndefinedMapException(f"{fn.type_name} layers have no coordinate map")


def compose(base_map: Map, next_map: Map) -> Map:
    """The map of ``base_map`` followed by ``next_map``; AxisMismatchException where their axes differ."""
    (axis, scale, shift), (next_axis, next_scale, next_shift) = base_map, next_map
    if axis is not None and next_axis is not None and axis != next_axis:
        raise AxisMismatchException(f"maps over axes {axis} and {next_axis} cannot be composed")
    return (next_axis if axis is None else axis), scale * next_scale, scale * next_shift + shift


def inverse(coord_map: Map) -> Map:
    """The map that undoes ``coord_map``."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map from one blob to another through a common ancestor; RuntimeError where no spatial layers join them."""
    from_maps = {top_from: _IDENTITY}
    for top, so_far in _walk(top_from):
        from_maps[top] = so_far
    if top_to in from_maps:
        return compose(_IDENTITY, inverse(from_maps[top_to]))
    for top, so_far in _walk(top_to):
        if top in from_maps:
            return compose(so_far, inverse(from_maps[top]))
    raise RuntimeError("no map between these blobs: they are not joined by layers that keep spatial coordinates")


def _walk(top: Top) -> list[tuple[Top, Map]]:
    """(ancestor, map from ``top`` to it) of every blob that can be reached upwards; a Crop's second bottom cannot."""
    ancestors: list[tuple[Top, Map]] = []
    frontier: list[tuple[Top, Map]] = [(top, _IDENTITY)]
    while frontier:
        current, so_far = frontier.pop()
        inputs = current.fn.inputs[:1] if current.fn.type_name == "Crop" else current.fn.inputs
        try:
            step = coord_map(current.fn) if inputs else _IDENTITY
        except UndefinedMapException:
            continue
        reached = [(bottom, compose(so_far, step)) for bottom in inputs]
        ancestors += reached
        frontier += reached
    return ancestors


def crop(top_from: Top, top_to: Top) -> Top:
    """The Crop layer that cuts ``top_from`` to where ``top_to`` lies; AssertionError where it cannot be aligned."""
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    if not np.all(scale == 1):
        raise AssertionError(f"cannot crop: the two blobs differ in scale by {scale}")
    if not np.all(shift <= 0):
        raise AssertionError(f"cannot crop: the offset {-shift} is negative")
    if not np.all(np.round(shift) == shift):
        raise AssertionError(f"cannot crop: the offset {-shift} is no whole number")
    offset = [int(n) for n in -np.round(shift)]
    return layers.Crop(top_from, top_to, crop_param={"axis": axis + 1, "offset": offset})
