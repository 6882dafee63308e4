"""What a signal asks of a training in progress: to snapshot or to stop, at the next iteration."""

from __future__ import annotations

import enum
import signal
from types import FrameType, TracebackType


class Action(enum.IntEnum):
    """A request to a solver; of several processes' requests the largest counts."""

    NONE = 0
    SNAPSHOT = 1
    STOP = 2


def none() -> Action:
    """Where no signals are listened to."""
    return Action.NONE


class SignalHandler:
    """Within ``with``, SIGINT and SIGHUP are noted and asked for by calling the object; each counts once."""

    def __init__(self, sigint: Action, sighup: Action):
        self._actions = {signal.SIGHUP: sighup, signal.SIGINT: sigint}
        self._got: dict[int, bool] = dict.fromkeys(self._actions, False)
        self._before: dict[int, object] = {}

    def __enter__(self) -> SignalHandler:
        self._before = {number: signal.signal(number, self._note) for number in self._actions}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._got[number] = True

    def __call__(self) -> Action:
        for number, action in self._actions.items():
            if self._got[number]:
                self._got[number] = False
                return action
        return Action.NONE
