"""Work shared out among threads whose PyTorch operations have one core each.

Where an operation is small, waiting for all cores at its end costs as much as it does, and far more while other
processes use the cores. So whole chains of operations are shared out: threads meet once at the end of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Callable, TypeVar

import torch

from caffe_torch.runtime import forks

Item = TypeVar("Item")


def share_out(work: Callable[[Item], object], items: Iterable[Item]) -> None:
    """``work`` on each item, in as many threads as PyTorch gives an operation; the first error surfaces.

    The items' results may not depend on their order. On a GPU, or inside such work, it is a plain loop.
    """
    items, threads = list(items), torch.get_num_threads()
    if threads < 2 or len(items) < 2:
        for item in items:
            work(item)
    else:
        for _ in _pool(threads).map(work, items):
            pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    all_there = Barrier(threads)
    pool = ThreadPoolExecutor(threads, "share-out", torch.set_num_threads, (1,))
    for future in [pool.submit(all_there.wait) for _ in range(threads)]:
        future.result()
    # Each thread has set its own number; what was set last is what threads of others begin with.
    torch.set_num_threads(threads)
    return pool


forks.in_child(_pool.cache_clear)  # a forked child has none of its threads
