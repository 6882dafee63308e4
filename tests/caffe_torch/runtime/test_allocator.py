"""The process's heap: one for all threads, and large blocks go back to the system."""

import ctypes
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc, from 2.33 on, tells what its heaps hold"
)

PROGRAM = """
import ctypes, threading
import caffe_torch
import torch

class Heaps(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keep")]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Heaps
there = threading.Barrier(5)

def allocate():
    tensor = torch.zeros(100_000)
    there.wait()
    there.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
there.wait()
libc.malloc_stats()  # a line "Arena N:" each, on standard error
there.wait()

first = torch.zeros(16 << 18)
del first
before = libc.mallinfo2().hblkhd
second = torch.zeros(12 << 18)
print(libc.mallinfo2().hblkhd - before >= 12 << 20)
"""


def heaps_and_mapped(**environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, env={**clean, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.count("Arena "), done.stdout.strip()


def test_one_heap_and_large_blocks_are_not_kept():
    assert heaps_and_mapped() == (1, "True")


def test_the_environment_counts_first():
    heaps, mapped = heaps_and_mapped(MALLOC_ARENA_MAX="64", MALLOC_MMAP_THRESHOLD_=str(30 << 20))
    assert heaps > 1
    assert mapped == "False"
