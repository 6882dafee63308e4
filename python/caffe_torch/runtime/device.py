"""Where blobs are computed: this process's mode and device, as caffe.set_mode_* and caffe.set_device set them."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import accelerator, allocator, forks, log

allocator.use_large_pages()
allocator.use_one_heap()
allocator.keep_few_compiled()

#: CAFFE_TORCH_FORCE_CPU=1 lets a program that asks for a GPU run unchanged where there is none.
FORCE_CPU = "CAFFE_TORCH_FORCE_CPU"

_device = torch.device("cpu")
_gpu_number = 0
#: In a child that was forked from a process which had used a GPU: its connection to the driver cannot be inherited.
_gpu_lost = False


def current() -> torch.device:
    if _gpu_lost and _device.type != "cpu":
        raise CaffeError(
            "this process was forked from one that had used the GPU, which its driver does not allow: start it by "
            "multiprocessing.get_context('spawn'), or fork before the first net, or call caffe.set_mode_cpu() in it"
        )
    return _device


def _lose_gpu() -> None:
    global _gpu_lost
    _gpu_lost = _gpu_lost or _device.type != "cpu"


forks.in_child(_lose_gpu)


def set_mode_cpu() -> None:
    """Compute on the CPU (the default)."""
    global _device
    _device = torch.device("cpu")


def kept_on_cpu() -> bool:
    """Whether the environment lets nothing run on a GPU; who asks for one is told by a warning."""
    forced = os.environ.get(FORCE_CPU, "0") not in ("", "0")
    if forced:
        log.warning(f"the program asks for a GPU, {FORCE_CPU} keeps it on the CPU")
    return forced


def set_mode_gpu() -> None:
    """Compute on the GPU of ``set_device`` (0 by default); CaffeError where PyTorch finds none."""
    global _device
    if kept_on_cpu():
        return
    kind, gpus = accelerator.kind(), accelerator.count()
    if kind is None or not 0 <= _gpu_number < gpus:
        raise CaffeError(
            f"GPU {_gpu_number} was asked for, but PyTorch finds {gpus} GPU(s) "
            f"here; {FORCE_CPU}=1 runs such a program on the CPU"
        )
    _device = torch.device(kind, _gpu_number)


def set_device(number: int) -> None:
    """Choose the GPU that ``set_mode_gpu`` means; takes effect at once when already in GPU mode."""
    global _gpu_number
    _gpu_number = int(number)
    if _device.type != "cpu":
        set_mode_gpu()


def host_array(*shape: int) -> np.ndarray:
    """An uninitialised float32 array for a batch: in GPU mode in memory that the GPU can fetch by itself."""
    return torch.empty(shape, pin_memory=accelerator.pins_memory(_device)).numpy()


def upload(array: np.ndarray) -> Tensor:
    """``array`` as a tensor on the current device; in a thread of its own this does not hold up the computation."""
    tensor = torch.from_numpy(array)
    if _device.type == "cpu":
        return tensor
    module = accelerator.module(_device)
    if not hasattr(module, "Stream"):
        return tensor.to(_device)
    stream = module.Stream(_device)
    with module.stream(stream):
        uploaded = tensor.to(_device, non_blocking=True)
    stream.synchronize()
    return uploaded


def download(tensor: Tensor) -> Tensor:
    """``tensor``, of a device, on the host: in memory that the device writes to by itself, and waited for."""
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=accelerator.pins_memory(tensor.device))
    host.copy_(tensor, non_blocking=True)
    _wait(tensor.device)
    return host


def _wait(where: torch.device) -> None:
    """Until the device has done what this thread asked of it."""
    module = accelerator.module(where)
    if hasattr(module, "current_stream"):
        module.current_stream(where).synchronize()
    else:
        module.synchronize()


def received(tensor: Tensor) -> Tensor:
    """A tensor of ``upload``, for use in this thread."""
    if tensor.device.type != "cpu":
        module = accelerator.module(tensor.device)
        if hasattr(module, "Stream"):
            # Its memory must not go back to the other stream before this one has done with it.
            tensor.record_stream(module.current_stream(tensor.device))
    return tensor


def synchronize() -> None:
    """Wait until the device has done what was asked of it (for timings)."""
    if _device.type != "cpu":
        accelerator.module(_device).synchronize()
