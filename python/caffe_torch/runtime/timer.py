"""caffe.Timer: milliseconds between start and stop, with the device's work waited for."""

from __future__ import annotations

import time

from caffe_torch.runtime import device


class Timer:
    """``start()``, ``stop()``, then ``ms``; a Timer that still runs, or never ran, is measured as pycaffe does it."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._seconds = 0.0

    def start(self) -> None:
        """Begin to measure; nothing happens where it has begun."""
        if self._began is None:
            device.synchronize()
            self._began = time.perf_counter()

    def stop(self) -> None:
        """End the measurement; nothing happens where none was begun."""
        if self._began is not None:
            device.synchronize()
            self._seconds = time.perf_counter() - self._began
            self._began = None

    @property
    def ms(self) -> float:
        """Milliseconds of the last measurement, 0 before the first; a running one is stopped."""
        self.stop()
        return self._seconds * 1000
