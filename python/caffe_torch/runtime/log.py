"""The log, on standard error in Caffe's own line format, so that existing log parsers read it.

Not by the logging module: a program that configures that for itself, as many pycaffe programs do, would change these
lines or print them twice.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import ModuleType
from typing import Callable, TextIO

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import ranks

_NAMES = "IWEF"

#: The least level that is written, set by ``init_log``; None means GLOG_minloglevel's.
_least: int | None = None


def init_log(level: int | None = None, stderr: bool = True) -> None:
    """``caffe.init_log``: write lines of ``level`` (0 information, 1 warnings, ...) and above.

    ``stderr`` is taken for compatibility: this engine always writes to standard error, the original else to files.
    """
    global _least
    _least = level


def info(message: str) -> None:
    _write(0, message)


def warning(message: str) -> None:
    _write(1, message)


def error(message: str) -> None:
    _write(2, message)


def send_lines_to(write: Callable[[str], object] | None) -> None:
    """Hand each line to ``write`` (a progress bar's, that makes room for it) in place of standard error."""
    global _line
    _line = write or _print


def copy_to(folder: str) -> None:
    """Write all lines into a new file in ``folder`` too; ``caffe.INFO`` there leads to it, as glog makes it."""
    global _copy
    name = f"caffe.log.INFO.{time.strftime('%Y%m%d-%H%M%S')}.{os.getpid()}"
    # A link, not a file, so files/whole_file.py, in a room below, has nothing for it.
    link = os.path.join(folder, f".caffe.INFO.{os.getpid()}")
    try:
        _copy = open(os.path.join(folder, name), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        os.symlink(name, link)
        os.replace(link, os.path.join(folder, "caffe.INFO"))
    except OSError as error:
        raise CaffeError(f"{folder}: the log cannot be written there ({error.strerror})") from None


def _print(line: str) -> None:
    print(line, file=sys.stderr)


_line: Callable[[str], object] = _print
_copy: TextIO | None = None


def informs() -> bool:
    """Whether ``info`` writes anything, for what takes long to be said."""
    return _shows(0)


def _shows(level: int) -> bool:
    """GLOG_minloglevel=1 silences information, 2 warnings too; of several processes only the first informs."""
    if level == 0 and ranks.rank() != 0:
        return False
    try:
        least = int(os.environ.get("GLOG_minloglevel", "0")) if _least is None else _least
    except ValueError:
        least = 0
    return level >= least


def _write(level: int, message: str) -> None:
    if not _shows(level):
        return
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now)) + f".{int(now % 1 * 1e6):06d}"
    frame = sys._getframe(2)
    place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    line = f"{_NAMES[level]}{stamp} {threading.get_native_id():5d} {place}] {message}"
    _line(line)
    if _copy is not None:
        print(line, file=_copy)


class _CallableModule(ModuleType):
    """``caffe.log(message)`` is a function in pycaffe, and this module has the same name."""

    def __call__(self, message: str) -> None:
        """Write one line of information."""
        _write(0, message)


sys.modules[__name__].__class__ = _CallableModule
