"""What a TIFF's first directory tells (TIFF 6.0, BigTIFF): size, channels, alpha."""

from __future__ import annotations

import struct
from typing import NamedTuple

_KINDS = {1: "B", 3: "H", 4: "I", 16: "Q"}


class Facts(NamedTuple):
    """``premultiplied``: 16-bit colours hold their alpha already; OpenCV gives 8-bit ones so in any case."""

    width: int
    height: int
    channels: int
    bits: int
    alpha: bool
    premultiplied: bool
    grey: bool
    compression: int


def facts(data: bytes) -> Facts:
    """The first picture; struct.error where the file ends before its directory does."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    word, count_kind, size, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    start = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    tags: dict[int, int] = {}
    entries = struct.unpack_from(order + count_kind, data, start)[0]
    at = start + struct.calcsize(count_kind)
    for _ in range(min(entries, 4096)):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        values = struct.unpack_from(order + word, data, at + 4)[0]
        code = _KINDS.get(kind)
        if code is not None and values:
            place = at + 4 + struct.calcsize(word)
            if values * struct.calcsize(code) > inline:
                place = struct.unpack_from(order + word, data, place)[0]
            tags[tag] = struct.unpack_from(order + code, data, place)[0]
        at += size
    channels, extra = tags.get(277, 1), tags.get(338, -1)
    # ExtraSamples: 1 is alpha that the colours hold, 2 is alpha apart from them.
    alpha = channels in (2, 4) and extra in (1, 2)
    sides = tags.get(256, 0), tags.get(257, 0)
    return Facts(*sides, channels, tags.get(258, 1), alpha, extra == 1, tags.get(262, 2) < 2, tags.get(259, 1))
