"""The learnable parameters of a net: sharing by name, learning-rate and decay multipliers."""

from __future__ import annotations

from dataclasses import dataclass, field

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer
from caffe_torch.proto import caffe_pb2

_MULTIPLIERS = ("lr_mult", "decay_mult")


@dataclass
class Parameter:
    """One learnable blob with the multipliers of its ``param`` entry."""

    blob: Blob
    lr_mult: float
    decay_mult: float
    #: The multipliers that some layer's entry gives, and does not leave at their default.
    given: set[str] = field(default_factory=set)


def share_parameters(layers: list[tuple[str, Layer]]) -> list[Parameter]:
    """All learnable parameters once, in the order of the layers; those of one ``param`` name share data and diff."""
    owners: dict[str, tuple[str, Parameter]] = {}
    parameters = []
    for name, layer in layers:
        for j, blob in enumerate(layer.blobs):
            spec = layer.param.param[j] if j < len(layer.param.param) else caffe_pb2.ParamSpec()
            if spec.name and spec.name in owners:
                _share(layer, j, blob, spec, *owners[spec.name])
                continue
            given = {name for name in _MULTIPLIERS if spec.HasField(name)}
            parameter = Parameter(blob, spec.lr_mult, spec.decay_mult, given)
            parameters.append(parameter)
            if spec.name:
                owners[spec.name] = (name, parameter)
    return parameters


def _share(layer: Layer, index: int, blob: Blob, spec: caffe_pb2.ParamSpec, owner: str, parameter: Parameter) -> None:
    permissive = spec.share_mode == caffe_pb2.ParamSpec.PERMISSIVE
    fits = blob.count == parameter.blob.count if permissive else blob.shape == parameter.blob.shape
    if not fits:
        raise layer.fail(
            f"parameter {index} is shared by the name {spec.name!r} with layer {owner!r}, but its shape is "
            f"{blob.shape}, the owner's {parameter.blob.shape}"
        )
    for name in _MULTIPLIERS:
        if not spec.HasField(name):
            continue
        here, there = getattr(spec, name), getattr(parameter, name)
        if name in parameter.given and here != there:
            raise layer.fail(
                f"parameter {spec.name!r} is shared with layer {owner!r}, but its {name} is {here:g} here and "
                f"{there:g} there: give one value, or leave it out in one of them"
            )
        parameter.given.add(name)
        setattr(parameter, name, here)
    if blob.shape != parameter.blob.shape:
        blob.share_reshaped(parameter.blob)
    else:
        blob.share_data(parameter.blob)
        blob.share_diff(parameter.blob)
