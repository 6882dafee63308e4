"""The images of a blob part by part, so that large blobs that one layer makes and the next one uses need no memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Callable

import torch
from torch import Tensor

from caffe_torch import device
from caffe_torch.blob import Recipe
from caffe_torch.layers.shapes import count

#: Elements that a thread of a CPU takes at a time: a few buffers of this size stay in its caches.
_PART = 1 << 18


def parts(shape: Sequence[int], where: torch.device, elements: int = _PART) -> list[slice]:
    """A batch in parts of as many images as there are threads, or of more small ones; whole on a GPU.

    ``elements`` is about what a thread gets of a part.
    """
    images = shape[0]
    if where.type != "cpu":
        return [slice(0, images)]
    step = torch.get_num_threads() * max(1, elements // max(count(shape[1:]), 1))
    return [slice(i, min(i + step, images)) for i in range(0, images, step)]


class Images:
    """The images of one blob: of its tensor, or as its recipe makes them, channels last."""

    def __init__(self, recipe: Recipe | None, shape: tuple[int, ...], tensor: Callable[[], Tensor]):
        self._recipe, self._shape = recipe, shape
        self._where = device.current()
        # On a GPU the memory of one part is that of all.
        self._whole = tensor().data if recipe is None or self._where.type != "cpu" else None

    def like(self) -> Tensor:
        """A tensor with the memory format of the images."""
        if self._whole is not None:
            return self._whole
        return torch.empty(self._shape, device="meta", memory_format=torch.channels_last)

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """(which images, they themselves); the next part may overwrite the last."""
        scratch: Tensor | None = None
        for part in parts(self._shape, self._where):
            if self._whole is not None:
                yield part, self._whole[part]
                continue
            assert self._recipe is not None
            if scratch is None:
                shape = (part.stop - part.start, *self._shape[1:])
                scratch = torch.empty(shape, device=self._where, memory_format=torch.channels_last)
            images = scratch[: part.stop - part.start]
            self._recipe(part, images)
            yield part, images
