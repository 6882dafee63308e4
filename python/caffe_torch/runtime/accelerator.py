"""The accelerators that PyTorch knows, and what one kind has that another lacks: the only place that names kinds."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch

#: Kinds whose device fetches page-locked host memory by itself.
_PINNED = ("cuda", "xpu")
#: Kinds without float64: Apple's.
_SINGLE = ("mps",)


def kind() -> str | None:
    """``cuda`` (NVIDIA's, and AMD's under ROCm), ``xpu``, ``mps``, ...; None where PyTorch finds no accelerator."""
    device = torch.accelerator.current_accelerator(check_available=True)
    return None if device is None else device.type


def count() -> int:
    """How many accelerators there are."""
    return torch.accelerator.device_count() if kind() else 0


def module(device: torch.device) -> ModuleType:
    """PyTorch's module of the device's kind: ``torch.cuda``, ``torch.mps``, ..."""
    return torch.get_device_module(device)


def name(number: int) -> str:
    """What the maker calls accelerator ``number``; its kind where PyTorch does not tell."""
    of_kind = kind() or "cpu"
    tell = getattr(torch.get_device_module(of_kind), "get_device_name", None)
    return str(tell(number)) if tell else of_kind


def properties(number: int) -> dict[str, Any]:
    """What ``caffe device_query`` tells of accelerator ``number``, as far as PyTorch knows it."""
    tell = getattr(torch.get_device_module(kind() or "cpu"), "get_device_properties", None)
    known = tell(number) if tell else None
    names = {
        "Major revision number": "major", "Minor revision number": "minor",
        "Total global memory": "total_memory", "Number of multiprocessors": "multi_processor_count",
    }  # fmt: skip
    told = {title: getattr(known, attribute) for title, attribute in names.items() if hasattr(known, attribute)}
    return {"Name": name(number), **told}


def pins_memory(device: torch.device) -> bool:
    """Whether batches are best made in page-locked memory for ``device``."""
    return device.type in _PINNED


def sum_type(device: torch.device) -> torch.dtype:
    """The type for sums that must not lose digits: float64, float32 on a device that has none."""
    return torch.float32 if device.type in _SINGLE else torch.float64


def communication(device: torch.device) -> str:
    """The backend of torch.distributed for tensors of ``device``."""
    return {"cuda": "nccl", "xpu": "xccl"}.get(device.type, "gloo")


def allow_tf32(allowed: bool) -> None:
    """Let CUDA's matrix products and convolutions round their factors to TF32; other kinds have no such switch."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def random_state(device: torch.device) -> torch.Tensor | None:
    """Where the device's random stream is; None for the CPU, or where its kind does not tell."""
    tell = None if device.type == "cpu" else getattr(module(device), "get_rng_state", None)
    return tell() if tell else None


def set_random_state(device: torch.device, state: torch.Tensor) -> None:
    """Go on where ``random_state`` was taken."""
    module(device).set_rng_state(state)
