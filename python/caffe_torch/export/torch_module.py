"""A net as a torch.nn.Module: its layers' plain meaning under autograd, for fine-tuning and PyTorch's own exporters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.export import source
from caffe_torch.export.settings import Settings
from caffe_torch.export.source import Step
from caffe_torch.layers.base import REGISTRY, FunctionLayer
from caffe_torch.net.net import Net

_NAMES = ("weight", "bias")


class CaffeModule(nn.Module):
    """``module(*inputs)`` in the order of the net's: the output, or a dict of them by blob where there are several.

    Each layer is a module of its name, dots in it as ``_``, with parameters ``weight``, ``bias``, ``blob2``, ...
    """

    def __init__(self, net: Net, outputs: Sequence[str] | None, share: bool):
        super().__init__()
        exported = source.read(net, outputs, {})
        self.inputs, self.outputs = list(exported.inputs), list(exported.outputs)
        parameters: dict[Any, nn.Parameter] = {}
        self._route: list[tuple[str, list[str], list[str]]] = []
        for step in exported.steps:
            if step.type == "Input":
                continue
            name = step.name.replace(".", "_")
            if name in self._modules:
                raise CaffeError(f"export: two layers are called {step.name!r}; a module needs a name for each")
            self.add_module(name, _module(step, parameters, share))
            self._route.append((name, list(step.bottoms), list(step.tops)))
        self.eval()

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        if len(inputs) != len(self.inputs):
            raise CaffeError(f"the net has {len(self.inputs)} inputs ({', '.join(self.inputs)}), found {len(inputs)}")
        blobs = dict(zip(self.inputs, inputs))
        for name, bottoms, tops in self._route:
            blobs.update(zip(tops, self._modules[name]([blobs[b] for b in bottoms])))  # type: ignore[misc]
        if len(self.outputs) == 1:
            return blobs[self.outputs[0]]
        return {name: blobs[name] for name in self.outputs}


class _Layer(nn.Module):
    """A layer with its parameters; those that two layers share by name are one."""

    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__()
        for i, blob in enumerate(step.layer.blobs):
            key = blob.data.__array_interface__["data"][0], blob.shape
            if key not in parameters:
                values = blob.tensor().data
                parameters[key] = nn.Parameter(values if share else values.clone())
            self.register_parameter(_NAMES[i] if i < len(_NAMES) else f"blob{i}", parameters[key])


class _Function(_Layer):
    """A layer whose class computes its tops from tensors."""

    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__(step, parameters, share)
        # The plain class, not its fast form, which computes on blobs.
        layer = REGISTRY[step.type](step.param, step.layer.phase)
        layer.blobs[:] = [Blob(*blob.shape) for blob in step.layer.blobs]
        self._bottoms = [Blob(*shape.sizes) for shape in step.bottom_shapes]
        self._tops = [Blob() for _ in step.tops]
        layer.setup(self._bottoms, self._tops)
        layer.reshape(self._bottoms, self._tops)
        layer.param = Settings(step.param)
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
    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__(step, parameters, share)
        self.slope = float(step.layer.slope)

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        return [F.leaky_relu(inputs[0], self.slope) if self.slope else F.relu(inputs[0])]


class _InnerProduct(_Layer):
    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__(step, parameters, share)
        self.axis, self.transpose = step.layer.axis, step.layer.transpose

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        weight, bias = self._parameters["weight"], self._parameters.get("bias")
        assert weight is not None
        return [F.linear(inputs[0].flatten(self.axis), weight.t() if self.transpose else weight, bias)]


class _Dropout(_Layer):
    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__(step, parameters, share)
        self.ratio, self.test_scale = float(step.layer.ratio), float(step.layer.test_scale)
        self.samples_in_test = bool(step.layer.train)

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        # Unscaled drop-out (scale_train: false) keeps its mean by the same factor that TEST multiplies by.
        y = F.dropout(inputs[0], self.ratio, self.training or self.samples_in_test)
        return [y * self.test_scale if self.test_scale != 1 else y]


class _BatchNorm(nn.Module):
    """Running mean and variance as buffers, Caffe's sums divided by their weight; ``train()`` updates them."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__()
        param = step.param.batch_norm_param
        mean, variance, weight = (blob.tensor().data for blob in step.layer.blobs)
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


class _Copies(_Layer):
    """Split, which gives its bottom several names, and Silence, which gives it none."""

    def __init__(self, step: Step, parameters: dict[Any, nn.Parameter], share: bool):
        super().__init__(step, parameters, share)
        self.tops = len(step.tops)

    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        return [inputs[0]] * self.tops


class _Parameter(_Layer):
    def forward(self, inputs: list[Tensor]) -> Sequence[Tensor]:
        return list(self._parameters.values())  # type: ignore[arg-type]


_MODULES: Mapping[str, type[nn.Module]] = {
    "ReLU": _ReLU, "InnerProduct": _InnerProduct, "Dropout": _Dropout, "BatchNorm": _BatchNorm, "Split": _Copies,
    "Silence": _Copies, "Parameter": _Parameter,
}  # fmt: skip


def _module(step: Step, parameters: dict[Any, nn.Parameter], share: bool) -> nn.Module:
    if step.type in _MODULES:
        return _MODULES[step.type](step, parameters, share)
    if issubclass(REGISTRY[step.type], FunctionLayer):
        return _Function(step, parameters, share)
    advice = f"; what lies before it can be a module: outputs={step.bottoms}" if step.bottoms else ""
    raise CaffeError(f"export: layer {step.name!r} ({step.type}) is no differentiable function of tensors{advice}")


def to_safetensors(module: nn.Module) -> bytes:
    """The module's state_dict in the safetensors format; a parameter of several names is there under each."""
    import safetensors.torch

    return safetensors.torch.save({name: value.detach().cpu().clone() for name, value in module.state_dict().items()})
