"""Whether a JPEG (ITU T.81) is whole: its scans, their coefficients and restart markers, without decoding it.

libjpeg fills what is missing with grey and says so on standard error alone, which OpenCV does not pass on.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

# Within a scan, 0xFF is followed by a zero or a restart marker; anything else ends it.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
#: Entropy-coded bytes that belong to no picture: a decoder that still waits for data reads them as some.
FILLER = bytes(range(1, 255, 5)) * 5


class Component(NamedTuple):
    """A component's sampling factors."""

    horizontal: int
    vertical: int


class Scans(NamedTuple):
    """``problem``: why it is not whole, or an empty string; ``end``: where its end marker stands.

    ``unsure``: the last scan may be cut short, which decoding it with ``FILLER`` before the end marker shows. Of a
    single scan it need only be asked where the picture has the grey that libjpeg fills with.
    """

    problem: str
    end: int
    unsure: bool


def scans(data: bytes, frame: int) -> Scans:
    """The scans after the frame header, whose marker is at ``frame``; IndexError or struct.error where it is cut."""
    kind = data[frame + 1]
    height, width, count = struct.unpack_from(">HHB", data, frame + 5)
    parts = {}
    for n in range(count):
        name, sampling = data[frame + 10 + 3 * n], data[frame + 11 + 3 * n]
        parts[name] = Component(sampling >> 4, sampling & 15)
    progressive = kind in (0xC2, 0xCA)
    left = {name: dict.fromkeys(range(64), -1) for name in parts} if progressive else {}
    seen: set[int] = set()
    number, interval, problem, last = 0, 0, "", (0, 0)
    at = frame + 2 + struct.unpack_from(">H", data, frame + 2)[0]
    while True:
        segment = _MARKER.search(data, at)
        if segment is None:
            return Scans("truncated JPEG: no end marker", len(data), False)
        at, marker = segment.start(), data[segment.start() + 1]
        if marker == 0xD9:
            break
        size = struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xDD:
            interval = struct.unpack_from(">H", data, at + 4)[0]
        if marker == 0xDA:
            number += 1
            members = [data[at + 5 + 2 * n] for n in range(data[at + 4])]
            first, final, bits = struct.unpack_from("BBB", data, at + 5 + 2 * len(members))
            last = (first, bits >> 4)
            seen.update(members)
            for name in members:
                if name in left:
                    left[name].update((place, bits & 15) for place in range(first, min(final, 63) + 1))
            begin = at + 2 + size
            after = _MARKER.search(data, begin)
            at = after.start() if after else len(data)
            if interval and height:
                units = _units(width, height, parts, members)
                lacking = -(-units // interval) - 1 - len(_RESTART.findall(data, begin, at))
                problem = problem or (f"damaged JPEG: {lacking} restart markers are missing" if lacking > 0 else "")
            continue
        at += 2 + size
    if not number:
        problem = "a broken JPEG image: no scan"
    elif set(parts) - seen:
        problem = problem or "truncated JPEG: scans are missing"
    elif any(bit != 0 for places in left.values() for bit in places.values()):
        problem = problem or "truncated JPEG: the last scans are missing"
    # A cut in the last refinement of a progressive file costs a bit of some coefficients: nobody sees it.
    refined = progressive and last[0] > 0 and last[1] > 0
    return Scans(problem, at, (number > 1 and not refined) or count == 4 or kind in _ARITHMETIC)


def _units(width: int, height: int, parts: dict[int, Component], members: list[int]) -> int:
    """The units of a scan that restart intervals count: blocks of one component, or of all in their proportions."""
    wide = max((part.horizontal for part in parts.values()), default=1) or 1
    high = max((part.vertical for part in parts.values()), default=1) or 1
    if len(members) == 1 and members[0] in parts:
        part = parts[members[0]]
        return -(-width * part.horizontal // (8 * wide)) * -(-height * part.vertical // (8 * high))
    return -(-width // (8 * wide)) * -(-height // (8 * high))
