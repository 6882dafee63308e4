"""Batches made ahead in a thread of their own, so that reading and decoding hide behind the computation."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Callable

#: Threads that decode and transform images beside the one that makes a batch: half the cores, as the rest compute.
_THREADS = min((os.cpu_count() or 1) // 2, 8)


def in_threads(work: Callable[[int], None], count: int) -> None:
    """``work(0)`` to ``work(count - 1)``, in several threads where there are cores for it; the first error surfaces."""
    if _THREADS < 2:
        for i in range(count):
            work(i)
    else:
        for _ in _pool().map(work, range(count)):
            pass


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "decode")


class Prefetcher:
    """Calls ``make`` over and over in a thread and hands out its results in order.

    An exception of ``make`` surfaces in ``next`` once the batches before it are used up. The thread ends with the
    object.
    """

    def __init__(self, make: Callable[[], Any], depth: int):
        self._queue: queue.Queue[Any] = queue.Queue(max(depth, 1))
        self._stop = threading.Event()
        thread = threading.Thread(target=_work, args=(make, self._queue, self._stop), daemon=True, name="prefetch")
        weakref.finalize(self, self._stop.set)
        thread.start()

    def next(self) -> Any:
        batch = self._queue.get()
        if isinstance(batch, BaseException):
            self._queue.put(batch)
            raise batch
        return batch


def _work(make: Callable[[], Any], ready: queue.Queue[Any], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            item = make()
        except BaseException as error:
            item = error
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.2)
                break
            except queue.Full:
                continue
        if isinstance(item, BaseException):
            return
