"""What goes wrong inside a layer that is no fault of its code, as an error that names the layer."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError, CaffeMemoryError, CaffeShapeError
from caffe_torch.layers.base import Layer
from caffe_torch.layers.fillers import FillerError
from caffe_torch.layers.python import PythonLayer
from caffe_torch.net import device_limits

#: What ``refuse`` may be asked about: the exceptions by which PyTorch, NumPy and Python say such things.
ASKED = (MemoryError, RuntimeError, ValueError, IndexError, ArithmeticError, TypeError)


def refuse(layer: Layer, error: Exception, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
    """CaffeError where ``error`` has a reason that lies outside the layer, else nothing: the caller raises it again.

    Memory or kernels that are not there; a filler that cannot fill; blobs without values, of which many operations
    have no result.
    """
    text = str(error)
    if isinstance(error, FillerError):
        raise layer.fail(text) from None
    if isinstance(error, (CaffeMemoryError, CaffeShapeError)):  # of a blob, which knows no layer
        raise type(error)(f"layer {layer.name!r} ({layer.type}): {text}") from None
    device_limits.tell(f"layer {layer.name!r} ({layer.type})", error, [*bottoms, *tops])
    if isinstance(error, CaffeError) or isinstance(layer, PythonLayer):
        return
    for what, blobs in (("bottom", bottoms), ("parameter", layer.blobs), ("top", tops)):
        for i, blob in enumerate(blobs):
            if blob.count == 0:
                raise layer.fail(f"cannot be computed: {what} {i} has no values, its shape is {blob.shape}") from None
