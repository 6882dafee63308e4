"""How a CPU's memory is got: in large pages, and from one heap, as every iteration asks for the same buffers again."""

from __future__ import annotations

import ctypes
import os

# Parameters of glibc's mallopt, from malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def use_large_pages() -> None:
    """Ask PyTorch to take memory in pages of 2 MiB, where Linux has them; to be called before its first large tensor.

    A large tensor is got from the system, page by page zeroed, at every use: in pages of 4 KiB that costs AlexNet a
    tenth of its training step. THP_MEM_ALLOC_ENABLE=0 in the environment keeps the small ones.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def use_one_heap() -> None:
    """Let all threads share one heap and give blocks from 8 MiB back to the system at once; for glibc.

    By itself it keeps a heap a thread, and freed blocks of up to 32 MiB in them, which over 40 iterations adds a tenth
    to the memory of AlexNet's training. MALLOC_ARENA_MAX and MALLOC_MMAP_THRESHOLD_ in the environment count first.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for name, parameter, value in (
        ("MALLOC_ARENA_MAX", _M_ARENA_MAX, 1),
        ("MALLOC_MMAP_THRESHOLD_", _M_MMAP_THRESHOLD, 8 << 20),
    ):
        if name not in os.environ:
            mallopt(parameter, value)
