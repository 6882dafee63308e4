"""Paths whose bytes are no UTF-8 (GBK, Latin-1, ...) in a .prototxt, a list, a .solverstate: Caffe passes them on.

A message's string must be text, so a byte that is no part of UTF-8 stands in it as a character that no text has: one of
the last 128 of Unicode's last private plane. ``path`` makes what the operating system is given of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from caffe_torch.errors import CaffeError

#: Of the byte b: chr(_FIRST + b). Python's own form of it, which only open() and its like take, is chr(_ESCAPE + b).
_FIRST, _ESCAPE = 0x10FF00, 0xDC00
_TO_FIELD = {_ESCAPE + byte: _FIRST + byte for byte in range(0x80, 0x100)}
_TO_PATH = {field: escape for escape, field in _TO_FIELD.items()}
_FOREIGN = re.compile(f"[{chr(_FIRST + 0x80)}-{chr(_FIRST + 0xFF)}]")
#: The fields of Caffe's messages that hold paths.
_PATHS = frozenset(
    "source root_folder mean_file meanfile file_name net train_net test_net weights snapshot_prefix learned_net".split()
)


def text(data: bytes) -> str:
    """Bytes of a text file as text that a message's strings may hold."""
    return data.decode("utf-8", "surrogateescape").translate(_TO_FIELD)


def field(path: str | bytes | Path) -> str:
    """A path as a message's string."""
    return os.fsdecode(path).translate(_TO_FIELD)


def path(name: str | bytes | Path) -> str:
    """A path, also one out of a message, as the operating system is given it."""
    return os.fsdecode(name).translate(_TO_PATH)


def check(message: Any, source: str) -> None:
    """CaffeError where a string of the message that is no path is no UTF-8."""
    for descriptor, value in message.ListFields():
        for item in value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]:
            if isinstance(item, Message):
                check(item, source)
            elif isinstance(item, str) and descriptor.name not in _PATHS and _FOREIGN.search(item):
                raise CaffeError(
                    f"{source}: {descriptor.name} is no UTF-8 ({os.fsencode(path(item))!r}): save it as UTF-8"
                )
