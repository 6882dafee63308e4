"""What a training step of the paper's nets asks of the GPU: kernels and copies, as the profiler sees them, per step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import device_counts
import emulated_accelerator as emulated
import torch
from parts import Target
from torch.autograd import DeviceType

import caffe_torch as caffe


def measure(target: Target) -> dict[str, Any]:
    """Kernels, uploads and downloads by net, and the kernels beside those of a loop in PyTorch written by hand."""
    caffe.set_mode_gpu()
    rows: dict[str, Callable[[], Callable[[], None]]] = {
        "plain PyTorch": lambda: device_counts.plain_step(target.device, target.size)
    }
    for row, (method, in_numpy) in device_counts.ROWS.items():
        folder = target.folder / row
        folder.mkdir()
        rows[row] = partial(device_counts.caffe_step, folder, method, in_numpy, target.size)
    results: dict[str, Any] = {}
    base = 0
    for row, make in rows.items():
        counted = device_counts.counted(make()) if target.emulated else _profiled(make(), target)
        base = base or counted["kernels"]
        results[row] = (
            f"{counted['kernels']} kernels ({counted['kernels'] / base:.2f} of the loop's), "
            f"{counted['uploads']} up, {counted['downloads']} down"
        )
    caffe.set_mode_cpu()
    return results


def _profiled(step: Any, target: Target) -> dict[str, int]:
    """One step after two others, on a GPU whose kernels the profiler tells; RuntimeError where it tells none."""
    module = torch.get_device_module(target.device)
    for _ in range(2):
        step()
    module.synchronize()
    with torch.profiler.profile() as profile:
        step()
        module.synchronize()
    names = [event.name for event in profile.events() if event.device_type not in (None, DeviceType.CPU)]
    ups, downs = (sum(f"Memcpy {way}" in name for name in names) for way in ("HtoD", "DtoH"))
    kernels = sum(not name.startswith(("Memcpy", "Memset")) for name in names)
    if not kernels:
        raise RuntimeError(
            f"the profiler tells no kernels of {target.device.type}; the emulated counts stand in docs/GPU.md"
        )
    emulated.counts.clear()
    return {"kernels": kernels, "uploads": ups, "downloads": downs}
