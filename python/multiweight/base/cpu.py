"""How many cores this process may use, and how many threads it should start."""

from __future__ import annotations

import os


def cores() -> int:
    """The cores that the system lets this process run on, 1 or more."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """``OMP_NUM_THREADS``, of OpenMP's list for nested levels ("4,2") the first number; else :func:`cores`."""
    outermost = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(outermost) if outermost.isdecimal() and int(outermost) else cores()
