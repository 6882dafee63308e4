"""Images a second of training the paper's nets, in each precision, beside a loop in PyTorch written by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import common
import device_counts
import feeding
import torch
from parts import Target

import caffe_torch as caffe
from caffe_torch.runtime import accelerator, device, precision

#: Iterations of the paper's training.
_PAPER = 450_000


def measure(target: Target) -> dict[str, Any]:
    """By precision: the loop, the nets on inputs that lie ready, multi_weight fed from LMDBs; and the paper's hours.

    On the emulated accelerator seconds say nothing, and only that the steps ran is told.
    """
    size, steps, records = target.size, 1 if target.emulated else 20, 8 if target.emulated else 1024
    batch = size.batch
    caffe.set_mode_gpu()
    feeding.write_databases(target.folder, records)
    results: dict[str, Any] = {"batch": batch}
    for name in ("fp32",) if target.emulated else precision.NAMES:
        precision.set_precision(name)
        loop = _rate(device_counts.plain_step(target.device, size, _autocast(name, target)), batch, steps)
        rates = {"loop": loop}
        for method in ("multi_label", "multi_weight"):
            folder = target.folder / f"{name}-{method}"
            folder.mkdir()
            step = device_counts.caffe_step(folder, method, False, size)
            rates[method] = _rate(step, batch, steps)
        rates["multi_weight from LMDB"] = _rate(_fed(target, name, batch), batch, steps)
        for what, rate in rates.items():
            told = f"{rate:.1f} images/s ({rate / loop:.2f} of the loop's)"
            results[f"{name}, {what}"] = "ran" if target.emulated else told
        if not target.emulated:
            hours = _PAPER * batch / rates["multi_weight from LMDB"] / 3600
            results[f"{name}, {_PAPER:,} iterations"] = f"{hours:.1f} hours"
    precision.set_precision("fp32")
    accelerator.allow_tf32(False)
    caffe.set_mode_cpu()
    return results


def _autocast(name: str, target: Target) -> Callable[[], AbstractContextManager[Any]]:
    if name != "bf16":
        return nullcontext
    return lambda: torch.autocast(target.device.type, torch.bfloat16)


def _fed(target: Target, name: str, batch: int) -> Callable[[], None]:
    folder = target.folder / f"{name}-fed"
    folder.mkdir()
    net = common.with_data(
        device_counts.read_net("multi_weight", target.size), feeding.data_layers(target.folder, "raw", batch)
    )
    solver = caffe.get_solver(common.write_solver(folder, net))
    return lambda: solver.step(1)


def _rate(step: Callable[[], None], batch: int, steps: int) -> float:
    """Images a second over ``steps`` after a few others, waited for at both ends."""
    for _ in range(min(steps, 5)):
        step()
    device.synchronize()
    begun = time.perf_counter()
    for _ in range(steps):
        step()
    device.synchronize()
    return batch * steps / (time.perf_counter() - begun)
