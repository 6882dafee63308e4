"""A net as a torch.nn.Module of differentiable operations, for fine-tuning, torch.export and torch.onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.export import subgraph
from caffe_torch.export.settings import Settings
from caffe_torch.export.subgraph import LayerNode
from caffe_torch.layers.base import REGISTRY, FunctionLayer
from caffe_torch.net.net import Net

_PARAMETER_NAMES = ("weight", "bias")

#: The address of a parameter's memory and its shape: equal for the parameters that layers share.
_MemoryKey = tuple[int, tuple[int, ...]]
_Parameters = dict[_MemoryKey, nn.Parameter]


class CaffeModule(nn.Module):
    """``module(*inputs)`` takes float32 tensors in the net's order; gives the output, or a dict by blob of several.

    Each layer is a module of its name, dots in it as ``_``, with parameters ``weight``, ``bias``, ``blob2``, ... Where
    torch.nn.Module or a layer before it has that name already (``half``, ``inputs``), ``_`` is put behind it.
    """

    def __init__(self, net: Net, outputs: Sequence[str] | None, share: bool):
        super().__init__()
        exported = subgraph.read(net, outputs, {})
        self.inputs, self.outputs = list(exported.inputs), list(exported.outputs)
        parameters: _Parameters = {}
        self._schedule: list[tuple[str, list[str], list[str]]] = []
        for layer_node in exported.layer_nodes:
            if layer_node.type == "Input":
                continue
            name = self._free_name(layer_node.name)
            self.add_module(name, _module(layer_node, parameters, share))
            self._schedule.append((name, list(layer_node.bottoms), list(layer_node.tops)))
        self.eval()

    def _free_name(self, layer: str) -> str:
        name = layer.replace(".", "_")
        while not name or hasattr(self, name):
            name += "_"
        return name

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        if len(inputs) != len(self.inputs):
            raise CaffeError(f"the net has {len(self.inputs)} inputs ({', '.join(self.inputs)}), found {len(inputs)}")
        blobs = dict(zip(self.inputs, inputs))
        for name, bottoms, tops in self._schedule:
            blobs.update(zip(tops, self._modules[name]([blobs[b] for b in bottoms])))  # type: ignore[misc]
        if len(self.outputs) == 1:
            return blobs[self.outputs[0]]
        return {name: blobs[name] for name in self.outputs}


class _Layer(nn.Module):
    """A layer with its parameters; one that layers share by name (ParamSpec.name) is one nn.Parameter of both."""

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__()
        for i, blob in enumerate(layer_node.layer.blobs):
            key = blob.data.__array_interface__["data"][0], blob.shape
            if key not in parameters:
                values = blob.tensor().data
                parameters[key] = nn.Parameter(values if share else values.clone())
            self.register_parameter(_PARAMETER_NAMES[i] if i < len(_PARAMETER_NAMES) else f"blob{i}", parameters[key])


class _FunctionLayerModule(_Layer):
    """A layer whose class (a FunctionLayer) computes its tops from tensors."""

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__(layer_node, parameters, share)
        # The reference class: its CPU-optimised subclass works on blobs, not on tensors.
        layer = REGISTRY[layer_node.type](layer_node.param, layer_node.layer.phase)
        layer.blobs[:] = [Blob(*blob.shape) for blob in layer_node.layer.blobs]
        self._bottoms = [Blob(*shape.sizes) for shape in layer_node.bottom_shapes]
        self._tops = [Blob() for _ in layer_node.tops]
        layer.setup(self._bottoms, self._tops)
        layer.reshape(self._bottoms, self._tops)
        # torch.compile cannot follow protobuf messages.
        layer.param = Settings(layer_node.param)
        self._layer: Any = layer
        self._shapes = [tuple(blob.shape) for blob in self._bottoms]

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        shapes = [tuple(x.shape) for x in inputs]
        if shapes != self._shapes:
            for blob, shape in zip(self._bottoms, shapes):
                blob.reshape(*shape)
            self._layer.reshape(self._bottoms, self._tops)
            self._shapes = shapes
        return self._layer.compute(inputs, list(self._parameters.values()))


class _ReLU(_Layer):
    """ReLU, leaky where negative_slope is set."""

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__(layer_node, parameters, share)
        self.slope = float(layer_node.layer.slope)

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        return [F.leaky_relu(inputs[0], self.slope) if self.slope else F.relu(inputs[0])]


class _InnerProduct(_Layer):
    """InnerProduct over all axes from ``axis`` on."""

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__(layer_node, parameters, share)
        self.axis, self.transpose = layer_node.layer.axis, layer_node.layer.transpose

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        weight, bias = self._parameters["weight"], self._parameters.get("bias")
        assert weight is not None
        return [F.linear(inputs[0].flatten(self.axis), weight.t() if self.transpose else weight, bias)]


class _Dropout(_Layer):
    """Dropout in Caffe's two scalings."""

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__(layer_node, parameters, share)
        self.ratio, self.test_scale = float(layer_node.layer.ratio), float(layer_node.layer.test_scale)
        # Set in a net of the TEST phase by SegNet's sample_weights_test alone.
        self.samples_in_test = bool(layer_node.layer.train)

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        # With scale_train: false Caffe does not scale in TRAIN and multiplies by test_scale = 1 - ratio in TEST;
        # F.dropout divides by 1 - ratio in training, so its output times test_scale is Caffe's in both phases.
        y = F.dropout(inputs[0], self.ratio, self.training or self.samples_in_test)
        return [y * self.test_scale if self.test_scale != 1 else y]


class _BatchNorm(nn.Module):
    """Running mean and variance as buffers: copies, also with ``share``, of Caffe's sums divided by the third blob.

    In training they are updated by PyTorch's exponential average; Caffe's is the same once the third blob, the sums'
    total weight, has reached its limit.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__()
        param = layer_node.param.batch_norm_param
        mean, variance, weight = (blob.tensor().data for blob in layer_node.layer.blobs)
        factor = torch.where(weight == 0, 0.0, 1 / weight)
        self.register_buffer("running_mean", mean * factor)
        self.register_buffer("running_var", variance * factor)
        self.eps, self.momentum = float(param.eps), 1 - float(param.moving_average_fraction)
        self.global_stats = param.use_global_stats if param.HasField("use_global_stats") else None

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        x = inputs[0] if inputs[0].dim() > 1 else inputs[0].unsqueeze(1)
        if self.global_stats is False and not self.training:
            return [F.batch_norm(x, None, None, None, None, True, 0.0, self.eps).reshape(inputs[0].shape)]
        training = self.training and not self.global_stats
        y = F.batch_norm(x, self.running_mean, self.running_var, None, None, training, self.momentum, self.eps)
        return [y.reshape(inputs[0].shape)]


class _SameTensor(_Layer):
    """Returns its input once for each top (Split), or not at all (Silence)."""

    def __init__(self, layer_node: LayerNode, parameters: _Parameters, share: bool):
        super().__init__(layer_node, parameters, share)
        self.tops = len(layer_node.tops)

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        return [inputs[0]] * self.tops


class _ParameterLayer(_Layer):
    """Caffe's layer type Parameter, whose top is its parameter."""

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        return list(self._parameters.values())  # type: ignore[arg-type]


_MODULES: Mapping[str, type[nn.Module]] = {
    "ReLU": _ReLU, "InnerProduct": _InnerProduct, "Dropout": _Dropout, "BatchNorm": _BatchNorm, "Split": _SameTensor,
    "Silence": _SameTensor, "Parameter": _ParameterLayer,
}  # fmt: skip


def _module(layer_node: LayerNode, parameters: _Parameters, share: bool) -> nn.Module:
    if layer_node.type in _MODULES:
        return _MODULES[layer_node.type](layer_node, parameters, share)
    if issubclass(REGISTRY[layer_node.type], FunctionLayer):
        return _FunctionLayerModule(layer_node, parameters, share)
    advice = f"; make a module of the net up to its inputs: outputs={layer_node.bottoms}" if layer_node.bottoms else ""
    raise CaffeError(
        f"export: layer {layer_node.name!r} ({layer_node.type}) cannot be expressed as a differentiable torch "
        f"function{advice}"
    )


def to_safetensors(module: nn.Module) -> bytes:
    """The module's state_dict in the safetensors format; a shared parameter is saved under each of its names."""
    import safetensors.torch

    return safetensors.torch.save({name: value.detach().cpu().clone() for name, value in module.state_dict().items()})
