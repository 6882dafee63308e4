"""What all answers of the page share: the dataset's shop, its pictures, and the thread that has the nets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.serve.nets import Nets
from multiweight.serve.pictures import Pictures
from multiweight.serve.shop import Shop

Answer = TypeVar("Answer")


class Busy(Exception):
    """More questions wait for the nets than are taken."""


class Site:
    """One dataset, ready to be asked. ``gpu`` and ``engine_name`` choose the nets' device and engine.

    UserError where the dataset was never packed, or the engine cannot be had.
    """

    #: Questions to the nets that may wait at a time; further ones are told to come again.
    MOST_WAITING = 200

    def __init__(self, dataset: Dataset, gpu: str | None = None, engine_name: str | None = None):
        self.dataset = dataset
        self._lock = threading.Lock()
        self._shop: Shop | None = None
        self._shop_of: tuple[int, ...] = ()
        self.shop()
        caffe = engine.select(engine_name)
        self.pictures = Pictures(dataset, engine.schema(caffe))
        self._nets = Nets(caffe, dataset)
        # The engine keeps its mode, and a net its arrays, for the thread that made them: one thread has them all.
        self._thread = ThreadPoolExecutor(1, "nets")
        self._waiting = 0
        try:
            self.device = self._thread.submit(engine.use_device, caffe, gpu).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        self.pictures.close()

    def shop(self) -> Shop:
        """The test images, read anew where they were packed anew."""
        files = (self.dataset.catalog, self.dataset.packed("test"))
        try:
            stats = [path.stat() for path in files]
        except OSError as error:
            raise UserError(f"{error.filename}: no such file: pack the data first (make lmdb)") from None
        identity = tuple(part for stat in stats for part in (stat.st_mtime_ns, stat.st_size))
        with self._lock:
            if self._shop is None or identity != self._shop_of:
                self._shop, self._shop_of = Shop(self.dataset), identity
            return self._shop

    async def ask(self, question: Callable[[Nets], Answer]) -> Answer:
        """What ``question`` returns, asked in the nets' own thread; Busy where too many wait already."""
        if self._waiting >= self.MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._nets)
        finally:
            self._waiting -= 1
