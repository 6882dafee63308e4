"""What an image's first bytes tell: format, size, alpha, and whether its end is there, without decoding it.

OpenCV has no call for the size alone, and Pillow is no dependency of this package. Formats: JPEG (ITU T.81), PNG
(W3C), GIF89a, BMP and WebP (RFC 9649), TIFF, AVIF, JPEG 2000 and PNM; OpenCV reads more, which no shop's photos are in.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from multiweight.photos import boxes, jpeg_scans, tiff
from multiweight.photos.jpeg_scans import Scans

#: Formats whose decoders hold a picture twice over.
_TWICE = ("TIFF", "AVIF", "JPEG 2000")
#: Of a TIFF, those that OpenCV's libtiff lacks.
_UNREAD_COMPRESSIONS = {34925: "LZMA", 50000: "Zstandard", 50001: "WebP"}


class Header(NamedTuple):
    """``width`` and ``height`` in pixels (0: unknown), ``problem`` a reason not to decode, or an empty string.

    ``alpha``: decoded with its channels as they are, ``bits`` each (of 16, the low ones); ``premultiplied``: its
    colours hold the alpha already; ``clear``: the grey level that is transparent. ``orientation`` is EXIF's (1 to 8),
    where OpenCV leaves it to us. ``scans``: of a JPEG.
    """

    format: str = ""
    width: int = 0
    height: int = 0
    alpha: bool = False
    problem: str = ""
    orientation: int = 1
    bits: int = 8
    premultiplied: bool = False
    clear: int | None = None
    scans: Scans | None = None

    @property
    def bytes(self) -> int:
        """Of the decoded picture, as OpenCV first makes it."""
        wide = 4 * (2 if self.bits > 8 else 1) if self.alpha else 3
        return self.width * self.height * wide * (2 if self.format in _TWICE else 1)


def header(data: bytes) -> Header:
    """Read the header of ``data``; an unknown format gives an empty Header."""
    try:
        return _header(data)
    except (struct.error, IndexError):
        return Header(problem="truncated: ends within the header")


def _header(data: bytes) -> Header:
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack_from("<HH", data, 6)
        return Header("GIF", width, height, alpha=True)
    if data[:2] == b"BM":
        return _bmp(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(data)
    if data[4:8] == b"ftyp" and re.search(rb"hei[cxms]|hev[cxms]", data[8:64]) and b"avif" not in data[8:64]:
        return Header("HEIC", problem="a HEIC image, as iPhones make: save it as JPEG")
    if data[4:8] == b"ftyp" and re.search(rb"avi[fs]|mif1", data[8:64]):
        return _boxed("AVIF", boxes.avif(data))
    if data[4:8] == b"jP  " or data[:4] == b"\xff\x4f\xff\x51":
        return _boxed("JPEG 2000", boxes.jpeg2000(data))
    if re.match(rb"P[1-6]\s", data):
        return _pnm(data)
    return Header()


def _boxed(name: str, facts: boxes.Facts | None) -> Header:
    if facts is None:
        return Header(name, problem=f"a broken {name} image: its boxes tell no size")
    problem = f"a grey {name} image with an alpha channel: save it as PNG" if facts.channels == 2 else ""
    return Header(name, facts.width, facts.height, facts.alpha, problem, facts.orientation, facts.bits)


def _tiff(data: bytes) -> Header:
    picture = tiff.facts(data)
    problem = "a grey TIFF with an alpha channel: save it as PNG" if picture.alpha and picture.grey else ""
    if picture.bits > 16:
        problem = f"a TIFF of {picture.bits} bits a channel: save it with 8 or 16, or as PNG"
    elif picture.compression in _UNREAD_COMPRESSIONS:
        problem = f"a TIFF compressed by {_UNREAD_COMPRESSIONS[picture.compression]}: save it with LZW, or as PNG"
    # 8-bit colours come from libtiff with their alpha multiplied in; the orientation is applied by OpenCV.
    keeps_orientation = picture.premultiplied or picture.bits <= 8
    return Header("TIFF", picture.width, picture.height, picture.alpha, problem, 1, picture.bits, keeps_orientation)


def _bmp(data: bytes) -> Header:
    size = struct.unpack_from("<I", data, 14)[0]
    if size == 12:  # OS/2's
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("BMP", width, height)
    width, height, _, depth, packing = struct.unpack_from("<iiHHI", data, 18)
    masked = depth == 32 and packing == 3 and size >= 56 and struct.unpack_from("<I", data, 66)[0] != 0
    return Header("BMP", abs(width), abs(height), masked)


def _pnm(data: bytes) -> Header:
    gap = rb"(?:\s|#[^\n]*\n)"
    numbers = re.match(
        rb"P[1-6]" + gap + rb"*(\d{1,9})" + gap + rb"+(\d{1,9})(?:" + gap + rb"+(\d{1,9}))?\s", data[:4096]
    )
    if numbers is None:
        return Header("PNM", problem="a broken PNM image: no size")
    problem = ""
    if data[1:2] in b"2356" and numbers.group(3) not in (b"255", b"65535"):
        # OpenCV reads its levels as if they went to 255 or 65535.
        problem = f"a PNM image whose highest level is {(numbers.group(3) or b'missing').decode()}: save it as PNG"
    return Header("PNM", int(numbers.group(1)), int(numbers.group(2)), problem=problem)


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
            scans = jpeg_scans.scans(data, position)
            return Header("JPEG", width, height, problem=scans.problem, scans=scans)
        else:
            position += 2 + struct.unpack_from(">H", data, position + 2)[0]


def _png(data: bytes) -> Header:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    problem = "" if data.rfind(b"IEND") > 0 else "truncated PNG: no end chunk"
    levels = _png_chunk(data, b"tRNS") if data.find(b"tRNS", 0, max(data.find(b"IDAT"), 0)) > 0 else b""
    clear = None
    if colour == 0 and len(levels) >= 2 and depth in (1, 2, 4, 8, 16):
        # OpenCV leaves it out; it makes levels of fewer than 8 bits 0 to 255.
        clear = int.from_bytes(levels[:2], "big") * {1: 255, 2: 85, 4: 17}.get(depth, 1)
    alpha = colour in (4, 6) or bool(levels)
    turned = _orientation(_png_chunk(data, b"eXIf"))
    return Header("PNG", width, height, alpha, problem, turned, depth if alpha else 8, clear=clear)


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
