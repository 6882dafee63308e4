"""Max pooling part by part with small positions and its own gradient, made when asked for; the others channels last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from caffe_torch.blob.array import empty_like
from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import faster
from caffe_torch.layers.fast.images import Images, batch_slices, is_channels_last, without_memory
from caffe_torch.layers.pooling import Pooling
from caffe_torch.layers.pooling_window import Pair
from caffe_torch.runtime import device
from caffe_torch.runtime.threads import share_out


def _fast_format(x: Tensor) -> Tensor:
    """On a CPU channels last, in which pooling is many times faster."""
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


def _like(x: Tensor, shape: Sequence[int]) -> Tensor:
    """A float32 tensor without memory of the given shape, in ``x``'s memory format, or a CPU's faster one."""
    return without_memory(shape, is_channels_last(x) or device.current().type == "cpu")


@faster(Pooling)
class FastPooling(Pooling):
    """MAX with one top where PyTorch's windows are Caffe's; all else by the reference class, channels last."""

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        self._index: Tensor | None = None
        if not self._plain_max(bottom[0], top):
            super().forward(bottom, top)
            return
        images = Images(bottom[0].deferred(), bottom[0].shape, bottom[0].tensor)
        like = _like(images.like(), top[0].shape)
        # A quarter, or half, of the memory of the int64 that PyTorch gives and takes.
        small = torch.int16 if bottom[0].shape[2] * bottom[0].shape[3] <= 2**15 else torch.int32
        y, positions = top[0].buffer(like), empty_like(like, device.current(), small)

        def pool(part: slice) -> None:
            x, index = _fast_format(images.part(part)), torch.empty_like(y[part], dtype=torch.int64)
            torch.ops.aten.max_pool2d_with_indices.out(x, *self._arguments(), out=y[part], indices=index)
            positions[part] = index

        share_out(pool, images.batch_slices())
        self._index = positions
        top[0].assign(y)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if self._index is None:
            super().backward(top, propagate_down, bottom)
        elif propagate_down[0]:
            compute = partial(self._gradient, _fast_format(top[0].read_only_diff().data), self._index)
            bottom[0].defer_diff(compute, _like(self._index, bottom[0].shape))

    def _gradient(self, dy: Tensor, index: Tensor, images: slice, dx: Tensor) -> None:
        """Write the gradient by some images of the bottom into ``dx``."""
        dy, index = dy[images], index[images]

        def share(part: slice) -> None:
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                dy[part], dx[part], *self._arguments(), index[part].long(), grad_input=dx[part]
            )

        share_out(share, batch_slices(dx.shape, dx.device))

    def _plain_max(self, bottom: Blob, top: list[Blob]) -> bool:
        """Whether PyTorch's max pooling does all, in which case its own gradient spares autograd's detours."""
        spatial = (bottom.shape[2], bottom.shape[3])
        is_max = self.param.pooling_param.pool == self.param.pooling_param.MAX
        return is_max and len(top) == 1 and self.window.torch_output(spatial) == self.window.output(spatial)

    def _arguments(self) -> tuple[Pair, Pair, Pair, Pair, bool]:
        """Kernel, stride, pad, dilation and rounding up."""
        return self.window.kernel, self.window.stride, self.window.pad, (1, 1), True

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return super().compute([_fast_format(inputs[0])], params)
