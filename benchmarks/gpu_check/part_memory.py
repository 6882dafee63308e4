"""The most memory that a training step takes on the GPU, beside the loop written by hand."""

from __future__ import annotations

from typing import Any

import device_counts
import torch
from parts import Target

import caffe_torch as caffe


def measure(target: Target) -> dict[str, Any]:
    """MiB by net; what the device does not tell is said."""
    module = torch.get_device_module(target.device)
    tell = getattr(module, "max_memory_allocated", None)
    caffe.set_mode_gpu()
    results: dict[str, Any] = {"batch": target.size.batch}
    for what in ("loop", "multi_label", "multi_weight"):
        if what == "loop":
            step = device_counts.plain_step(target.device, target.size)
        else:
            folder = target.folder / what
            folder.mkdir()
            step = device_counts.caffe_step(folder, what, False, target.size)
        if tell:
            module.empty_cache()
            module.reset_peak_memory_stats()
        for _ in range(2):
            step()
        results[what] = f"{tell() / 2**20:.0f} MiB" if tell else "this device does not tell"
        del step
    caffe.set_mode_cpu()
    return results
