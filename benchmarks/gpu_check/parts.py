"""The parts in their order, and how one runs: on the GPU where there is one, else on the emulated accelerator.

Each ``part_<name>.py`` has ``measure(target)``, which returns its results, a flat dict of numbers and texts for JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import device_counts

REPOSITORY = Path(__file__).resolve().parents[2]
#: A part's module -> the seconds that it may take. What tells most comes first: a run that is cut off still says it.
NAMES = {
    "machine": 60, "layers": 120, "nets": 120, "counts": 120, "training": 240, "speed": 240, "retrieval": 120,
    "memory": 120,
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What a part measures: PyTorch's ``device``, whether it is the ``emulated`` one, and a ``folder`` for files."""

    device: Any
    emulated: bool
    folder: Path

    @property
    def size(self) -> device_counts.Size:
        """Of the paper's nets: batch 256 and all units, or small."""
        import device_counts

        return device_counts.SMALL if self.emulated else device_counts.Size(256, 4096)


def run(name: str, out: Path) -> int:
    """Run the part in this process and write its results to ``out``; an error is one line, status 1."""
    for path in ("python", "tests", "tests/parity", "tests/multiweight", "tests/device", "benchmarks"):
        sys.path.insert(1, str(REPOSITORY / path))
    try:
        part = importlib.import_module(f"part_{name}")
        with _target() as target:
            results = part.measure(target)
    except Exception as error:
        text = str(error).strip().splitlines() or [""]
        print(f"{type(error).__name__}: {text[0]}", file=sys.stderr)
        return 1
    out.write_text(json.dumps({"on": _where(target), **results}), encoding="utf-8")
    return 0


@contextmanager
def _target() -> Iterator[Target]:
    import emulated_accelerator
    import torch

    real = torch.accelerator.current_accelerator(check_available=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        if real is not None:
            yield Target(torch.device(real.type, 0), False, Path(folder))
            return
        with emulated_accelerator.present() as device:
            yield Target(device, True, Path(folder))


def _where(target: Target) -> str:
    import torch

    if target.emulated:
        return "the emulated accelerator, at toy size: no GPU was measured"
    tell = getattr(torch.get_device_module(target.device), "get_device_name", None)
    return str(tell(0)) if tell else target.device.type
