"""The log, on standard error in Caffe's own line format, so that existing log parsers read it."""

from __future__ import annotations

import os
import sys
import threading
import time

_NAMES = "IWEF"


def info(message: str) -> None:
    _write(0, message)


def warning(message: str) -> None:
    _write(1, message)


def _write(level: int, message: str) -> None:
    """GLOG_minloglevel=1 silences information, 2 warnings too."""
    try:
        least = int(os.environ.get("GLOG_minloglevel", "0"))
    except ValueError:
        least = 0
    if level < least:
        return
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now)) + f".{int(now % 1 * 1e6):06d}"
    frame = sys._getframe(2)
    place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    print(f"{_NAMES[level]}{stamp} {threading.get_native_id():5d} {place}] {message}", file=sys.stderr)
