"""The images of a blob, a few at a time: a large blob between two layers is then never held in memory as a whole.

The layer that makes the blob leaves a function that computes some of its images (blob/lazy.py); the next layer calls it
for one slice of the batch after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import torch
from torch import Tensor

from caffe_torch.blob.lazy import ComputeImages
from caffe_torch.layers.shapes import count
from caffe_torch.runtime import device

#: Elements that a CPU thread works on at a time: few enough for its buffers to stay in the caches, and enough for an
#: operation to take longer than Python needs to start the next one.
_PART = 1 << 19


def batch_slices(shape: Sequence[int], where: torch.device, elements: int = _PART) -> list[slice]:
    """The batch cut into slices of about ``elements`` elements, one image at least; one slice on a GPU."""
    images = shape[0]
    step = max(1, elements // max(count(shape[1:]), 1)) if where.type == "cpu" else max(images, 1)
    return [slice(i, min(i + step, images)) for i in range(0, images, step)]


def is_channels_last(x: Tensor) -> bool:
    """Whether the memory format is channels last, and not the plain one too."""
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def without_memory(shape: Sequence[int], channels_last: bool) -> Tensor:
    """A float32 tensor with a shape and a memory format but without memory (device meta)."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.empty(*shape, device="meta", memory_format=layout)


class Images:
    """The images of one blob: from its tensor or, on a CPU, from the function that computes them, channels last."""

    def __init__(self, compute: ComputeImages | None, shape: tuple[int, ...], tensor: Callable[[], Tensor]):
        self._compute, self._shape = compute, shape
        self._where = device.current()
        # On a GPU the memory of one part is that of all.
        self._whole = tensor().data if compute is None or self._where.type != "cpu" else None

    def like(self) -> Tensor:
        """A tensor with the memory format of the images."""
        if self._whole is not None:
            return self._whole
        return without_memory(self._shape, channels_last=True)

    def batch_slices(self) -> list[slice]:
        return batch_slices(self._shape, self._where)

    def part(self, images: slice) -> Tensor:
        """Some of the images; not to be changed."""
        if self._whole is not None:
            return self._whole[images]
        assert self._compute is not None
        shape = (images.stop - images.start, *self._shape[1:])
        made = torch.empty(shape, device=self._where, memory_format=torch.channels_last)
        self._compute(images, made)
        return made
