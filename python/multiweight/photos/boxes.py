"""What the boxes of AVIF (ISO 23008-12) and JPEG 2000 (ISO 15444-1) tell: size, depth, alpha, orientation."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_MOST = 10_000  # boxes looked at in one list


class Facts(NamedTuple):
    """``width``, ``height`` in pixels; ``channels`` 0 where they are not told; ``orientation`` as EXIF numbers it."""

    width: int
    height: int
    channels: int = 0
    bits: int = 8
    alpha: bool = False
    orientation: int = 1


def boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, begin, end) of the boxes from ``start``, their contents from begin to before end."""
    for _ in range(_MOST):
        if start + 8 > stop:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        elif size == 0:
            size = stop - start
        if size < head:
            return
        yield kind, start + head, min(start + size, stop)
        start += size


def _one(data: bytes, start: int, stop: int, *path: bytes) -> tuple[int, int] | None:
    """The contents of the first box at ``path``."""
    for kind, begin, end in boxes(data, start, stop):
        if kind == path[0]:
            return (begin, end) if len(path) == 1 else _one(data, begin, end, *path[1:])
    return None


def avif(data: bytes) -> Facts | None:
    """The primary picture of an AVIF file; None where the boxes do not tell it."""
    meta = _one(data, 0, len(data), b"meta")
    if meta is None:
        return None
    start, stop = meta[0] + 4, meta[1]
    primary = _one(data, start, stop, b"pitm")
    listed = _one(data, start, stop, b"iprp", b"ipco")
    linked = _one(data, start, stop, b"iprp", b"ipma")
    if primary is None or listed is None or linked is None:
        return None
    wide = ">I" if data[primary[0]] else ">H"
    item = struct.unpack_from(wide, data, primary[0] + 4)[0]
    properties = list(boxes(data, *listed))
    alpha = any(kind == b"auxC" and b"alpha" in data[begin:end] for kind, begin, end in properties)
    width = height = angle = 0
    bits, mirror = 8, -1
    for place in _associations(data, linked, item):
        if not 1 <= place <= len(properties):
            continue
        kind, begin, _ = properties[place - 1]
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, begin + 4)
        elif kind == b"irot":
            angle = data[begin] & 3
        elif kind == b"imir":
            mirror = data[begin] & 1
        elif kind == b"av1C":
            flags = data[begin + 2]
            bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    return Facts(width, height, 4 if alpha else 3, bits, alpha, _exif(angle, mirror)) if width and height else None


def _associations(data: bytes, linked: tuple[int, int], item: int) -> list[int]:
    """The places of an item's properties in their list, 1 = first."""
    begin, end = linked
    version, flags = data[begin], data[begin + 3]
    count, at = struct.unpack_from(">I", data, begin + 4)[0], begin + 8
    for _ in range(min(count, _MOST)):
        name = struct.unpack_from(">H" if version < 1 else ">I", data, at)[0]
        at += 2 if version < 1 else 4
        number, at = data[at], at + 1
        wide = 2 if flags & 1 else 1
        if name == item:
            values = [int.from_bytes(data[at + wide * n : at + wide * (n + 1)], "big") for n in range(number)]
            return [value & (0x7FFF if wide == 2 else 0x7F) for value in values]
        at += wide * number
        if at > end:
            break
    return []


def _exif(angle: int, mirror: int) -> int:
    """EXIF's number of a turn by ``angle`` quarters against the clock, then a flip: 0 of top and bottom, 1 of sides."""
    return {-1: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}[mirror][angle]


def jpeg2000(data: bytes) -> Facts | None:
    """The picture of a JP2 file or a bare codestream; None where it is not told."""
    if data[:4] == b"\xff\x4f\xff\x51":
        right, below, left, top = struct.unpack_from(">IIII", data, 8)
        channels, depth = struct.unpack_from(">HB", data, 40)
        return Facts(right - left, below - top, channels, (depth & 0x7F) + 1, channels == 4)
    head = _one(data, 0, len(data), b"jp2h")
    image = head and _one(data, *head, b"ihdr")
    if not head or not image:
        return None
    height, width, channels, depth = struct.unpack_from(">IIHB", data, image[0])
    colour = _one(data, *head, b"colr")
    inks = colour is not None and data[colour[0]] == 1 and struct.unpack_from(">I", data, colour[0] + 3)[0] == 12
    return Facts(width, height, channels, (depth & 0x7F) + 1 if depth != 255 else 16, channels == 4 and not inks)
