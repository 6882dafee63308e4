"""Batches made ahead in a thread of their own, so that reading and decoding hide behind the computation."""

from __future__ import annotations

import atexit
import os
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Callable

from caffe_torch.runtime import forks

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
    object; the end of the program waits until it has.
    """

    def __init__(self, make: Callable[[], Any], depth: int):
        self._pid = os.getpid()
        self._queue: queue.Queue[Any] = queue.Queue(max(depth, 1))
        thread = _Maker(make, self._queue)
        weakref.finalize(self, thread.stop.set)
        thread.start()

    @property
    def lost(self) -> bool:
        """Whether this is a forked child's copy, whose thread is the parent's."""
        return os.getpid() != self._pid

    def next(self) -> Any:
        batch = self._queue.get()
        if isinstance(batch, BaseException):
            self._queue.put(batch)
            raise batch
        return batch


class _Maker(threading.Thread):
    """The thread behind a Prefetcher, which it does not hold, so that the one can end the other."""

    def __init__(self, make: Callable[[], Any], ready: queue.Queue[Any]):
        super().__init__(name="prefetch", daemon=True)
        self._make = make
        self._ready = ready
        self.stop = threading.Event()
        _makers.add(self)

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                item = self._make()
            except BaseException as error:
                item = error
            while not self.stop.is_set():
                try:
                    self._ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return


_makers: weakref.WeakSet[_Maker] = weakref.WeakSet()


@atexit.register
def _end_makers() -> None:
    """Let no maker outlive the interpreter: one that comes back from PyTorch then aborts the whole process."""
    makers = list(_makers)
    for maker in makers:
        maker.stop.set()
    for maker in makers:
        maker.join()


# A forked child has none of these threads.
forks.in_child(_pool.cache_clear)
forks.in_child(_makers.clear)
