"""A training asked to stop: Ctrl-C and SIGTERM are noted, and taken up after the iteration that runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

from multiweight.base import engine

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds in which the same signal is the same request: make and timeout hand on what a process has had already.
_HANDED_ON = 1.0


class Stopped(KeyboardInterrupt):
    """A training that was asked to stop, and has saved where it is; the message says how to go on."""


class StopSignals:
    """Within ``with``, the first signal is noted in ``asked``; a second one ends the process at once.

    Outside the main thread, which Python gives all signals, nothing is noted.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}
        self._first: tuple[int, float] = (0, 0.0)

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        known, since = self._first
        again = number == known and time.monotonic() - since < _HANDED_ON
        # torchrun hands a Ctrl-C on later than that: of its processes, a second one asks for nothing new.
        if self.asked and not again and engine.processes() == 1:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if not self.asked:
            self._first = number, time.monotonic()
        self.asked = True
