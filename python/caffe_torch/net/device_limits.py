"""What a device cannot do, told with the place that asked for it: memory, a kernel that PyTorch lacks, float64."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError, CaffeMemoryError
from caffe_torch.runtime import device

#: What PyTorch says of memory, on a CPU and on a GPU, and of sizes that no machine has.
SHORT = ("allocate memory", "out of memory", "not enough memory", "Storage size calculation", "Invalid size")
#: What it says of an operation that it cannot compute on a kind of device: in general, and of Apple's.
_NO_KERNEL = (r"Could not run '([\w:.]+)' with arguments from", r"The operator '([\w:.]+)' is not currently")


def tell(place: str, error: Exception, blobs: Sequence[Blob] = ()) -> None:
    """An error that begins with ``place`` where a device is short of something; else nothing.

    CaffeMemoryError for memory, on a CPU too, and on a device with advice for a smaller batch than that of ``blobs``;
    CaffeError for a kernel and for float64.
    """
    text, kind = str(error), device.current().type
    if isinstance(error, CaffeError):
        return
    if isinstance(error, MemoryError) or any(words in text for words in SHORT):
        first = text.splitlines()[0] if text else "there is not enough memory"
        raise CaffeMemoryError(f"{place}: {first}{_smaller(blobs) if kind != 'cpu' else ''}") from None
    if kind == "cpu":
        return
    lacking = next((match for words in _NO_KERNEL if (match := re.search(words, text))), None)
    if lacking:
        raise CaffeError(
            f"{place}: PyTorch has no kernel of {lacking[1]} for {kind}: {device.FORCE_CPU}=1 runs all on the CPU"
        ) from error
    if isinstance(error, TypeError) and "float64" in text:
        raise CaffeError(
            f"{place}: {text.splitlines()[0]}: {kind} has no float64: use float32, or {device.FORCE_CPU}=1 for the CPU"
        ) from error


def _smaller(blobs: Sequence[Blob]) -> str:
    """Advice for a batch that did not fit."""
    images = next((blob.shape[0] for blob in blobs if blob.shape), 0)
    if images < 2:
        return ""
    half = images // 2
    return f"; for a batch of {images} try batch_size: {half}, with iter_size: 2 in the solver for the same gradients"
