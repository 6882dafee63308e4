"""Who works in a folder: of two processes that would write the same files, the second is told of the first.

The system drops a lock with its process, however that ends, so that none is ever left behind.
"""

from __future__ import annotations

import contextvars
import fcntl
import functools
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from multiweight.base import engine
from multiweight.base.errors import UserError

Function = TypeVar("Function", bound=Callable[..., Any])

#: The file of a folder's lock. What reads results beside a training has one of its own.
IN_USE, RESULTS = ".in_use", ".in_use_results"

_MOST = 1 << 16  # bytes of the file that are read
_scope: contextvars.ContextVar[ExitStack | None] = contextvars.ContextVar("scope", default=None)
_held: set[Path] = set()


def scope(function: Function) -> Function:
    """A function that gives up what it has taken by :func:`hold` when it ends."""

    @functools.wraps(function)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            token = _scope.set(stack)
            try:
                return function(*args, **kwargs)
            finally:
                _scope.reset(token)

    return cast(Function, scoped)


def hold(folder: Path, step: str, *, shared: bool = False, name: str = IN_USE) -> None:
    """Work in ``folder`` until the function in :func:`scope` ends; ``shared`` beside others that only read there.

    UserError with the process that works there already. Of processes that train together the first holds it for all;
    what this process holds, it may hold again. Where a folder cannot be written to, nothing is held.
    """
    stack = _scope.get()
    assert stack is not None, "hold() outside of scope()"
    if (
        engine.process() != 0 or shared and not folder.exists()
    ):  # what is only read, and is not there, is told by its step
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / name
    if path in _held:
        return
    file = _opened(path)
    if file is None:
        return
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        told = _holder(file)
        os.close(file)
        raise UserError(f"{folder}: in use by {told}: wait until it ends, or end it, and try again") from None
    except OSError:  # a file system without locks
        os.close(file)
        return
    _held.add(path)
    _tell(file, step, shared)
    stack.callback(_give_up, path, file, shared)


@contextmanager
def turn(folder: Path, name: str) -> Iterator[None]:
    """Alone in ``folder`` for a moment, by its file ``name``: each process waits for the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _opened(path: Path) -> int | None:
    for how in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # another user's is locked all the same
        try:
            return os.open(path, how, 0o666)
        except OSError:
            continue
    return None


def _tell(file: int, step: str, shared: bool) -> None:
    """Write who this is, for others to read; beside those that share the lock."""
    line = {"process": os.getpid(), "host": socket.gethostname(), "step": step, "since": time.strftime("%F %T")}
    try:
        if not shared:
            os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_END)
        os.write(file, (json.dumps(line) + "\n").encode())
    except OSError:
        pass


def _holder(file: int) -> str:
    """The last of the processes in the file that runs, in words."""
    os.lseek(file, 0, os.SEEK_SET)
    for line in reversed(os.read(file, _MOST).decode(errors="replace").splitlines()):
        try:
            told = json.loads(line)
            here = told["host"] == socket.gethostname()
            if not here or Path("/proc/self").exists() is False or Path(f"/proc/{int(told['process'])}").exists():
                place = "" if here else f" on {told['host']}"
                return f"process {int(told['process'])}{place} ({told['step']}, since {told['since']})"
        except (ValueError, KeyError, TypeError):
            continue
    return "another process"


def _give_up(path: Path, file: int, shared: bool) -> None:
    _held.discard(path)
    try:
        os.lseek(file, 0, os.SEEK_SET)
        others = [line for line in os.read(file, _MOST).splitlines(True) if str(os.getpid()).encode() not in line]
        os.ftruncate(file, 0)
        if shared:
            os.pwrite(file, b"".join(others), 0)
    except OSError:  # it may only be read
        pass
    os.close(file)
