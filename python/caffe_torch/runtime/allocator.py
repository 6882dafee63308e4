"""How a CPU's memory is got and given back: in large pages, from one heap, and little kept of shapes that are gone."""

from __future__ import annotations

import ctypes
import os
from typing import Any

# Parameters of glibc's mallopt, from malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

#: Computations that PyTorch and oneDNN each keep compiled; a ResNet-50 has 200 of them, in training.
_COMPILED = 256
#: Bytes that the process may grow by before the heap's free pages are given back.
_GROWTH = 32 << 20

#: Bytes in memory when the free pages were last given back.
_resident_before = 0


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
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None:
        return
    for name, parameter, value in (
        ("MALLOC_ARENA_MAX", _M_ARENA_MAX, 1),
        ("MALLOC_MMAP_THRESHOLD_", _M_MMAP_THRESHOLD, 8 << 20),
    ):
        if name not in os.environ:
            mallopt(parameter, value)


def keep_few_compiled() -> None:
    """Let oneDNN keep 256 computations compiled, not 1024; to be called before the first one.

    Each shape of an input has its own, of 0.1 MB or more: a net that sees images of many sizes fills the memory with
    those that it will not need again. ONEDNN_PRIMITIVE_CACHE_CAPACITY and LRU_CACHE_CAPACITY in the environment count
    first.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(_COMPILED))


def give_back() -> None:
    """Give the heap's free pages back to the system, where the process has grown by 32 MiB; for glibc on Linux.

    Where shapes stay the same, freed blocks are used again at once; those of other shapes leave holes that last.
    """
    global _resident_before
    libc, now = _libc(), _resident()
    if hasattr(libc, "malloc_trim") and now > _resident_before + _GROWTH:
        libc.malloc_trim(ctypes.c_size_t(0))
        _resident_before = _resident()


def _resident() -> int:
    """Bytes that this process has in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _libc() -> Any:
    """The C library, or None where it cannot be had."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
