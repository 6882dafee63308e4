"""What an image's first bytes tell: format, size, alpha, and whether its end is there, without decoding it.

OpenCV has no call for the size alone, and Pillow is no dependency of this package. Formats: JPEG (ITU T.81), PNG
(W3C), GIF89a, BMP and WebP (RFC 9649); any other is left to OpenCV, which checks its own limit.
"""

from __future__ import annotations

import struct
from typing import NamedTuple


class Header(NamedTuple):
    """``width`` and ``height`` in pixels (0: unknown), ``problem`` a reason not to decode, or an empty string.

    ``orientation`` is EXIF's (1 to 8), told for the formats with ``alpha``.
    """

    format: str = ""
    width: int = 0
    height: int = 0
    alpha: bool = False
    problem: str = ""
    orientation: int = 1


def header(data: bytes) -> Header:
    """Read the header of ``data``; an unknown format gives an empty Header."""
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return _png(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack_from("<HH", data, 6)
            return Header("GIF", width, height, alpha=True)
        if data[:2] == b"BM":
            width, height = struct.unpack_from("<ii", data, 18)
            return Header("BMP", abs(width), abs(height))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        return Header(problem="truncated: ends within the header")
    return Header()


def _jpeg(data: bytes) -> Header:
    position = 2
    while True:
        if data[position] != 0xFF:
            return Header("JPEG", problem="a broken JPEG image: no marker where one belongs")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2
        elif marker in (0xD9, 0xDA):
            return Header("JPEG", problem="a broken JPEG image: no frame header")
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            # Within the scans the byte 0xFF is always stuffed, so the end marker can stand at the end alone; a
            # thumbnail's lies in a segment before the frame header.
            whole = data.rfind(b"\xff\xd9") > position
            return Header("JPEG", width, height, problem="" if whole else "truncated JPEG: no end marker")
        else:
            position += 2 + struct.unpack_from(">H", data, position + 2)[0]


def _png(data: bytes) -> Header:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    end = data.rfind(b"IEND")
    transparent = colour in (4, 6) or b"tRNS" in data[: max(data.find(b"IDAT"), 0)]
    problem = "" if end > 0 else "truncated PNG: no end chunk"
    return Header("PNG", width, height, transparent, problem, _orientation(_png_chunk(data, b"eXIf")))


def _webp(data: bytes) -> Header:
    promised = struct.unpack_from("<I", data, 4)[0] + 8
    problem = "" if len(data) + 1 >= promised else "truncated WebP: shorter than its header says"
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        exif = _webp_chunk(data, b"EXIF")
        return Header("WebP", width, height, bool(data[20] & 0x10), problem, _orientation(exif))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1), problem)
    width, height = struct.unpack_from("<HH", data, 26)
    return Header("WebP", width & 0x3FFF, height & 0x3FFF, problem=problem)


def _png_chunk(data: bytes, name: bytes) -> bytes:
    """The contents of the first chunk of that name, or nothing."""
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == name:
            return data[at + 8 : at + 8 + size]
        at += 12 + size
    return b""


def _webp_chunk(data: bytes, name: bytes) -> bytes:
    """The contents of the first chunk of that name, or nothing."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == name:
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return b""


def _orientation(exif: bytes) -> int:
    """The tag 0x0112 of EXIF data, a TIFF file in small; 1 where it is not there."""
    exif = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        start = struct.unpack_from(order + "I", exif, 4)[0]
        for entry in range(struct.unpack_from(order + "H", exif, start)[0]):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * entry)
            if (tag, kind) == (0x0112, 3):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
