"""Memory that is not there: the error names the layer that asked for it."""

from __future__ import annotations

from caffe_torch.errors import CaffeMemoryError
from caffe_torch.layers.base import Layer

#: What PyTorch says, on a CPU and on a GPU, and of sizes that no machine has.
_SAID = ("allocate memory", "out of memory", "not enough memory", "Storage size calculation overflowed", "Invalid size")


def refuse(layer: Layer, error: Exception) -> None:
    """CaffeMemoryError where ``error`` says that memory is short, else nothing: the caller raises it again."""
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text for words in _SAID):
        first = text.splitlines()[0] if text else "there is not enough memory"
        raise CaffeMemoryError(f"layer {layer.name!r} ({layer.type}): {first}") from None
