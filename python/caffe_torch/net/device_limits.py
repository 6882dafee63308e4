"""What a device cannot do, told with the place that asked for it: memory, a kernel that PyTorch lacks, float64."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError, CaffeMemoryError
from caffe_torch.runtime import device

#: What PyTorch says of memory, on a CPU and on a GPU, and of sizes that no machine has.
SHORT = ("allocate memory", "out of memory", "not enough memory", "Storage size calculation", "Invalid size")
#: What it tells of a GPU's memory: asked for, free, held by tensors, and kept for more of them.
_TOLD = (
    r"Tried to allocate ([\d.]+) (\w+)", r"of which ([\d.]+) (\w+) is free",
    r"([\d.]+) (\w+) is allocated by PyTorch", r"([\d.]+) (\w+) is reserved by PyTorch but unallocated",
)  # fmt: skip
_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
#: What it says of an operation that it cannot compute on a kind of device: in general, and of Apple's.
_NO_KERNEL = (r"Could not run '([\w:.]+)' with arguments from", r"The operator '([\w:.]+)' is not currently")


class BatchTooLarge(CaffeMemoryError):
    """A device's memory did not suffice for ``images``; the message advises half of them, or ``most``."""

    def __init__(self, said: str, images: int, most: int | None = None):
        super().__init__(said + _smaller(images, most))
        self.said, self.images = said, images


@contextmanager
def of_net(blobs: Iterable[Blob], parameters: Iterable[Blob], learns: bool) -> Iterator[None]:
    """Within it a batch that is too large is told with one that fits, where PyTorch tells of the memory in numbers."""
    try:
        yield
    except BatchTooLarge as error:
        raise BatchTooLarge(error.said, error.images, _fitting(error, blobs, parameters, learns)) from None


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
        images = next((blob.shape[0] for blob in blobs if blob.shape), 0)
        if kind != "cpu" and images > 1:
            raise BatchTooLarge(f"{place}: {first}", images) from None
        raise CaffeMemoryError(f"{place}: {first}") from None
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


def _smaller(images: int, most: int | None) -> str:
    """Advice for a batch of ``images`` that did not fit, of which about ``most`` do; half, where that is unknown."""
    size = most or images // 2
    whole = max(n for n in range(1, size + 1) if images % n == 0)
    about = f" (about {most} fit)" if most else ""
    if 2 * whole <= size:
        return f"; for a batch of {images} try batch_size: {size}{about}"
    same = f"with iter_size: {images // whole} in the solver for the same gradients"
    return f"; for a batch of {images} try batch_size: {whole}, {same}{about}"


def _fitting(error: BatchTooLarge, blobs: Iterable[Blob], parameters: Iterable[Blob], learns: bool) -> int | None:
    """How many images the memory is enough for; None where that cannot be told.

    Of all that PyTorch holds or may get, the parameters (with gradient and history, where the net learns) take their
    part first; an image's part of the rest is that of its values and gradients in all blobs, and of what was asked for.
    """
    told = [re.search(words, error.said) for words in _TOLD]
    if not all(told):
        return None
    asked, free, used, kept = (float(one[1]) * _UNITS.get(one[2], 0) for one in told if one)
    fixed = sum(blob.count for blob in parameters) * 4 * (3 if learns else 1)
    batch = sum(blob.count for blob in blobs if blob.shape[:1] == (error.images,)) * 4 * (2 if learns else 1)
    most = int(error.images * (free + used + kept - fixed) / (batch + asked)) if batch + asked else 0
    return most if 1 <= most < error.images else None
