"""Children that a program forks: of this process's threads none is with them, so they must not wait for any.

multiprocessing forks by default on Linux before Python 3.14. OpenMP's threads, which PyTorch and OpenCV share their
operations among, do not survive a fork either, and the first operation in the child waits for them without end.
"""

from __future__ import annotations

import os
import sys
from typing import Callable

import torch


def in_child(action: Callable[[], object]) -> None:
    """Have ``action`` called in every process that is forked from this one, before its own code runs."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=action)


def _alone() -> None:
    # With one thread an operation runs where it was called, and asks OpenMP for nothing.
    torch.set_num_threads(1)
    cv2 = sys.modules.get("cv2")
    if cv2 is not None:
        cv2.setNumThreads(0)


in_child(_alone)
