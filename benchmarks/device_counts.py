#!/usr/bin/env python3
"""How many kernels, uploads and downloads does a training step ask of a GPU? Counted on an emulated one, by phase.

The paper's nets of 24 groups, batch 2, beside a loop in PyTorch written by hand with one loss. A GPU that is
faster than its host waits for launches and copies, not for arithmetic: these counts say how much. They do not depend on
the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import common

sys.path.insert(0, str(common.REPOSITORY / "tests"))
import emulated_accelerator as emulated  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import caffe_torch as caffe  # noqa: E402

_BATCH = 2
#: Units of fc6 and fc7 in place of the paper's 4,096, which change no count.
_UNITS = 64
#: What each row is: a committed net, and whether its Python layer runs its NumPy form.
ROWS = {
    "multi_label": ("multi_label", False),
    "multi_task": ("multi_task", False),
    "multi_weight": ("multi_weight", False),
    "multi_weight_numpy": ("multi_weight", True),
}


@dataclass(frozen=True)
class Size:
    """Images a step, and units of fc6 and fc7."""

    batch: int = _BATCH
    units: int = _UNITS


SMALL = Size()


def plain_step(
    device: torch.device, size: Size = SMALL, precision: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Callable[[], None]:
    """A step of worker_torch's loop: one loss, SGD, which PyTorch updates all at once; forward in ``precision()``."""
    from worker_torch import alexnet

    model = alexnet(units=size.units).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4, foreach=True)
    images, labels = torch.ones(size.batch, 3, 224, 224, device=device), torch.ones(size.batch, 830, device=device)
    criterion = nn.BCEWithLogitsLoss(reduction="sum")

    def step() -> None:
        emulated.counts.phase = "forward"
        optimizer.zero_grad()
        with precision():
            loss = criterion(model(images), labels) / size.batch
        emulated.counts.phase = "backward"
        loss.backward()
        emulated.counts.phase = "update"
        optimizer.step()

    return step


def read_net(method: str, size: Size) -> Any:
    """The committed net of ``method`` without its Data layers, with so many units."""
    net = common.read_net(method)
    for layer in net.layer:
        if layer.name in ("fc6", "fc7"):
            layer.inner_product_param.num_output = size.units
    return net


def caffe_step(folder: Path, method: str, in_numpy: bool, size: Size = SMALL) -> Callable[[], None]:
    """A step of the committed net of ``method``, its images and labels uploaded as by its Data layers."""
    net = common.with_data(read_net(method, size), common.inputs(size.batch))
    for layer in net.layer:
        if in_numpy and layer.type == "Python":
            layer.python_param.module, layer.python_param.layer = "numpy_loss", "NumpyLoss"
    solver = caffe.get_solver(common.write_solver(folder, net))

    def step() -> None:
        emulated.counts.phase = "forward"
        for name in ("data", "label"):
            solver.net.blobs[name].data[...] = 1
        solver.step(1)

    run_back = solver.net.graph.backward

    def backward(first: int | None = None, last: int = 0) -> None:
        emulated.counts.phase = "backward"
        run_back(first, last)

    # Not by a callback of the net: with one, siblings are not joined.
    solver.net.graph.backward = backward  # type: ignore[method-assign]
    solver.add_callback(lambda: None, lambda: setattr(emulated.counts, "phase", "update"))
    return step


def counted(step: Callable[[], None]) -> dict[str, int]:
    """One step after two others, in which memory is made."""
    for _ in range(2):
        step()
    emulated.counts.clear()
    step()
    counts = emulated.counts
    phases = {phase: counts.kernels_of(phase) for phase in ("forward", "backward", "update")}
    return {
        **phases, "kernels": counts.kernels_of(), "uploads": sum(counts.uploads.values()),
        "downloads": sum(counts.downloads.values()), "waits": sum(counts.waits.values()),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=ROWS, action="append", help="only this one (repeat for more)")
    parser.add_argument("--operations", action="store_true", help="also each operation's count")
    args = parser.parse_args()
    emulated.install()
    with tempfile.TemporaryDirectory() as folder, emulated.present() as device:
        caffe.set_mode_gpu()
        rows: dict[str, Callable[[], Callable[[], None]]] = {"plain PyTorch": lambda: plain_step(device)}
        for row in args.net or ROWS:
            place = Path(folder) / row
            place.mkdir()
            rows[row] = partial(caffe_step, place, *ROWS[row])
        base = 0
        for name, make in rows.items():
            counted_step = counted(make())
            base = base or counted_step["kernels"]
            numbers = "  ".join(f"{key} {value}" for key, value in counted_step.items())
            print(f"{name:<18} {numbers}  ratio {counted_step['kernels'] / base:.2f}")
            if args.operations:
                for operation, count in emulated.counts.by_operation().most_common():
                    print(f"    {count:5d} {operation}")
        caffe.set_mode_cpu()
    return 0


if __name__ == "__main__":
    common.run(main)
