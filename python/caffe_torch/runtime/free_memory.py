"""How much memory is free: asked before a large allocation, since a process that fills it is killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from caffe_torch.errors import CaffeMemoryError

#: Less is taken without asking.
_SMALL = 64 << 20
_CGROUP = Path("/sys/fs/cgroup")


def require(size: int, what: str) -> None:
    """CaffeMemoryError where ``size`` bytes are more than are free; ``what`` begins its message."""
    if size > _SMALL and size > (free := available()):
        raise CaffeMemoryError(f"{what} needs {readable(size)} of memory, {readable(free)} are free")


def readable(size: int) -> str:
    """A number of bytes in a unit that fits."""
    value, unit = float(size), "bytes"
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.3g} {unit}" if value < 1e6 else f"{value:.3e} {unit}"


def available() -> int:
    """Bytes that this process may still take: of the machine, of its control group, of its own limit."""
    return max(min(_machine(), _group(), _own()), 0)


def _machine() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return sys.maxsize


def _group() -> int:
    """What the control group leaves, where there is one with a limit; file pages that can go count as free."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        pages = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return limit - used + int(pages.get("inactive_file", 0)) + int(pages.get("active_file", 0))
    except (OSError, ValueError):
        return sys.maxsize


def _own() -> int:
    """What is left of the limit on address space."""
    try:
        import resource
    except ImportError:  # not on Windows
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return limit - int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return limit
