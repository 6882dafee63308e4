"""Export: a net as an ONNX model or as a torch.nn.Module, its numbers checked against the net's own.

- ``onnx_model.py``: the model of a net, written once its numbers are right
- ``subgraph.py``: the layers that the outputs need, and their shapes
- ``graph.py``: nodes, values and initializers as they are written
- ``registry.py``, ``converters/``: how each layer type becomes ONNX nodes
- ``preprocessing.py``: mean, scale and channel order inside the model
- ``checking.py``: the model in onnxruntime against the net
- ``torch_module.py``: a net as a torch.nn.Module, and its state as safetensors
- ``settings.py``: a message's fields as plain attributes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from caffe_torch.export.checking import Deviation
    from caffe_torch.export.preprocessing import Preprocessing
    from caffe_torch.net.net import Net


def onnx(
    net: Net,
    path: str | Path,
    *,
    outputs: Sequence[str] | None = None,
    batch: int | None = None,
    any_size: bool = False,
    preprocessing: Preprocessing | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
) -> Deviation:
    """Write ``net``, of the TEST phase, as an ONNX model; gives how far onnxruntime lies from the net at most.

    Layers and blobs keep their names; the parameters are in the file. ``outputs`` are blobs (default: the net's own);
    layers that they do not need are left out. The batch axis is dynamic, or fixed at ``batch``;
    ``any_size`` makes height and width dynamic too. ``preprocessing`` puts mean, scale and channel order into the
    model. The model runs in onnxruntime on random inputs, and on ``inputs`` (by blob, as the net's, or as the model's
    with ``preprocessing``).

    CaffeError: a net of the TRAIN phase, no Input layer, a layer without a converter (named), a batch or size that the
    net cannot take, an output further than 1e-4 of its largest value from the net's; the file is then not written.
    Needs the extra ``export``.
    """
    from caffe_torch.export import onnx_model

    return onnx_model.write(net, path, outputs, batch, any_size, preprocessing, inputs)


def module(net: Net, *, outputs: Sequence[str] | None = None, share: bool = False) -> nn.Module:
    """``net``, of the TEST phase, as a torch.nn.Module: differentiable, of any batch, in eval mode.

    ``module(*inputs)`` takes float32 tensors in the order of the net's inputs and gives the output, or a dict by blob
    of several; ``outputs`` as in :func:`onnx`. Its parameters are copies, or with ``share`` the net's own memory;
    BatchNorm's running mean and variance are copies always. ``train()`` turns dropout and the batch's own statistics
    on. CaffeError: a layer that is no function of tensors.
    """
    from caffe_torch.export import torch_module

    return torch_module.CaffeModule(net, outputs, share)


def safetensors(net: Net, path: str | Path, *, outputs: Sequence[str] | None = None) -> None:
    """Write the state_dict of :func:`module` in the safetensors format; the file appears whole. Needs ``export``."""
    from caffe_torch.export import torch_module
    from caffe_torch.files import whole_file

    data = torch_module.to_safetensors(torch_module.CaffeModule(net, outputs, share=True))
    whole_file.write_bytes(path, data)


def __getattr__(name: str) -> Any:
    if name == "Preprocessing":
        from caffe_torch.export.preprocessing import Preprocessing

        return Preprocessing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
