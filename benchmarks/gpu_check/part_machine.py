"""What the machine is."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch
from parts import Place


def found(place: Place) -> dict[str, Any]:
    """The GPUs, what PyTorch was built for, the host; it needs no package but PyTorch."""
    module = torch.get_device_module(place.device)
    tell = None if place.emulated else getattr(module, "get_device_properties", None)
    return {
        "GPUs": 0 if place.emulated else torch.accelerator.device_count(),
        "GPU": str(tell(0)) if tell else None,
        "kind": place.device.type,
        "PyTorch": torch.__version__,
        "CUDA": torch.version.cuda,
        "ROCm": getattr(torch.version, "hip", None),
        "Python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }
