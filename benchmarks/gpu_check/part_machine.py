"""gpu_check, part 1: GPUs, versions of PyTorch and Python, and the host."""

from __future__ import annotations

import os
import platform

import torch
from parts import Target


def measure(target: Target) -> dict[str, int | str | None]:
    """The number of GPUs and the first one's properties, what PyTorch was built for, the host's system and cores.

    Unlike the other parts it needs no package but PyTorch, so that a bare machine is described too.
    """
    module = torch.get_device_module(target.device)
    get_properties = None if target.emulated else getattr(module, "get_device_properties", None)
    return {
        "GPUs": 0 if target.emulated else torch.accelerator.device_count(),
        "GPU": str(get_properties(0)) if get_properties else None,
        "kind": target.device.type,
        "PyTorch": torch.__version__,
        "CUDA": torch.version.cuda,
        "ROCm": getattr(torch.version, "hip", None),
        "Python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
