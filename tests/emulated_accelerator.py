"""An accelerator that PyTorch believes in and the CPU computes: what would go wrong on a GPU goes wrong here.

Tensors of the device ``emulated`` are wrappers whose memory is a host tensor that nothing else can reach. An operation
on them is unwrapped, computed by the CPU's kernel, wrapped again and counted. As on a GPU:

- an operation that mixes host and device tensors is refused (0-dim host tensors may mix, as CUDA allows);
- a copy to the host that was asked for with ``non_blocking`` holds NaN, or -1, until the device is synchronised;
- an operation without a kernel of its own counts as the operations that it is made of;
- without ``float64`` (Apple's MPS has none) a tensor of that type is refused.

It is deterministic. Streams are recorded and change nothing. A refusal inside PyTorch's own computation of gradients
ends the process here, unlike on a GPU: a test refuses what a layer's own ``backward`` asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from emulated_tensor import NAME, Counts, DeviceTensor, arrive, counts, limits, pending
from torch import Tensor
from torch.utils import backend_registration

__all__ = [
    "NAME",
    "Counts",
    "DeviceTensor",
    "counts",
    "install",
    "present",
    "with_memory_for",
    "with_memory_of",
    "without_float64",
    "without_kernel",
]


class _Stream:
    """A stream that is counted; work in it is done at once."""

    def __init__(self, device: Any = None) -> None:
        counts.streams += 1

    def synchronize(self) -> None:
        arrive()

    def wait_stream(self, other: _Stream) -> None:
        pass


class _Hook(torch._C._acc.PrivateUse1Hooks):  # type: ignore[name-defined,misc]
    def is_available(self) -> bool:
        return _present

    def has_primary_context(self, device: int) -> bool:
        return _present

    def is_built(self) -> bool:
        return True


class _Module(backend_registration._DummyBackendModule):
    """``torch.emulated``: what PyTorch and programs ask of a device's module."""

    Stream = _Stream

    def is_available(self) -> bool:
        return _present

    def device_count(self) -> int:
        return int(_present)

    def synchronize(self, device: Any = None) -> None:
        """Wait for the device: copies to the host arrive."""
        counts.waits[counts.phase] += 1
        arrive()

    def current_stream(self, device: Any = None) -> _Stream:
        return _current

    @contextmanager
    def stream(self, stream: _Stream) -> Iterator[None]:
        yield

    def get_device_name(self, device: Any = None) -> str:
        return "emulated accelerator"


class _CurrentStream(_Stream):
    """The stream of the computation: who waits for it holds up the host."""

    def synchronize(self) -> None:
        counts.waits[counts.phase] += 1
        arrive()


_current = _CurrentStream()
_present = False
_library: torch.library.Library | None = None


def install() -> torch.device:
    """Register the device once a process, before its first backward; it is there while it is ``present``."""
    global _library
    if _library is None:
        backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module(), hook=_Hook())
        _library = torch.library.Library("aten", "IMPL")
        _library.impl("empty.memory_format", _empty, "PrivateUse1")
        _library.impl("empty_strided", _empty_strided, "PrivateUse1")
    return torch.device(NAME, 0)


@contextmanager
def present() -> Iterator[torch.device]:
    """Within it ``torch.accelerator`` reports the device, as on a machine that has one; counts begin at zero."""
    global _present
    device, _present, counts.phase = install(), True, ""
    counts.clear()
    try:
        yield device
    finally:
        _present = False
        pending.clear()


@contextmanager
def without_float64() -> Iterator[None]:
    """Within it the device has no float64, as Apple's MPS has none."""
    limits.float64 = False
    try:
        yield
    finally:
        limits.float64 = True


@contextmanager
def with_memory_for(most: int) -> Iterator[None]:
    """Within it a tensor of more than ``most`` bytes does not fit."""
    limits.largest = most
    try:
        yield
    finally:
        limits.largest = math.inf


@contextmanager
def with_memory_of(capacity: int) -> Iterator[None]:
    """Within it the device's tensors have room for so many bytes in all."""
    limits.capacity = capacity
    try:
        yield
    finally:
        limits.capacity = math.inf


@contextmanager
def without_kernel(name: str) -> Iterator[None]:
    """Within it PyTorch has no kernel of the operation ``name`` for the device."""
    limits.missing_kernels.add(name)
    try:
        yield
    finally:
        limits.missing_kernels.remove(name)


def _empty(
    size: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    return DeviceTensor(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None
) -> Tensor:
    return DeviceTensor(torch.empty_strided(size, stride, dtype=dtype))
