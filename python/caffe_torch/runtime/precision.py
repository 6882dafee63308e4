"""The number format of convolutions and matrix products: fp32 (the default, as in Caffe), tf32 or bf16.

Blobs, sums, weights and updates are float32 always. ``tf32`` lets a GPU round the factors of its products to 10 bits of
mantissa; on a CPU it is fp32. ``bf16`` rounds factors and results to 7 bits. The environment variable
CAFFE_TORCH_PRECISION sets what holds at the start.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import accelerator

NAMES = ("fp32", "tf32", "bf16")
_VARIABLE = "CAFFE_TORCH_PRECISION"
_current: str | None = None


def set_precision(name: str) -> None:
    """Choose ``fp32``, ``tf32`` or ``bf16`` for all nets of this process; CaffeError for another name."""
    global _current
    if name not in NAMES:
        raise CaffeError(f"precision {name!r} is unknown (known: {', '.join(NAMES)}; {_VARIABLE} sets it too)")
    _current = name
    # PyTorch's own default lets convolutions, but not matrix products, use TF32.
    accelerator.allow_tf32(name == "tf32")


def current() -> str:
    """The name of the format in use."""
    if _current is None:
        set_precision(os.environ.get(_VARIABLE) or "fp32")
    assert _current is not None
    return _current


def factors(*tensors: Tensor) -> list[Tensor]:
    """The tensors as factors of a product: themselves, or bf16 copies; the product is then taken ``.float()``."""
    return list(tensors) if current() != "bf16" else [t.to(torch.bfloat16) for t in tensors]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (rows, inputs) times weight (outputs, inputs) transposed, plus bias: (rows, outputs)."""
    x, weight = factors(x, weight)
    if x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        # oneDNN takes a third less time than PyTorch's own choice, MKL, for the few rows of a batch.
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return torch.nn.functional.linear(x, weight, None if bias is None else bias.to(x.dtype)).float()
