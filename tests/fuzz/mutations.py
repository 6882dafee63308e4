"""How a valid input becomes a damaged one: bytes and numbers changed, parts cut, doubled, moved, taken from another."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence

import numpy as np

#: (generator, a valid input, all valid inputs) -> a changed one.
Change = Callable[[np.random.Generator, bytes, Sequence[bytes]], bytes]

_NUMBERS = (0, 1, 2, 127, 128, 255, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_WORDS = (
    b"-1", b"0", b"1", b"3", b"100000", b"65535", b"2147483647", b"-2147483648", b"4294967295", b"9223372036854775807",
    b"99999999999999999999", b"1e10", b"1e39", b"1e400", b"-0.0", b"1e-46", b"nan", b"inf", b"-inf", b"- 1", b"true",
    b'""', b'"x"', b'"\\377\\376"', b'"/"', b'"."', b'"sys"', b"MAX", b'"MAX"', b"\xef\xbb\xbf", b"\t", b",",
    b"\xb0\xa1", b"{", b"}", b"#", b"'", b'"', b"\\", b"\r", b"\n", b"\0",
)  # fmt: skip
_WORD = re.compile(rb'"[^"\n]*"|[-\w.+]+|[{}:<>\[\],]|\s+')


def change_bytes(generator: np.random.Generator, example: bytes, others: Sequence[bytes]) -> bytes:
    """One to four changes of bytes anywhere."""
    data = bytearray(example)
    for _ in range(int(generator.integers(1, 5))):
        at = int(generator.integers(len(data) + 1))
        length = int(min(generator.geometric(0.15), 64))
        kind = int(generator.integers(9))
        if kind == 0 and at < len(data):
            data[at] ^= 1 << int(generator.integers(8))
        elif kind == 1 and at < len(data):
            data[at] = int(generator.choice((0, 1, 0x7F, 0x80, 0xFF)))
        elif kind == 2:
            data[at : at + length] = generator.bytes(length)
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = generator.bytes(length)
        elif kind == 5:
            begin = int(generator.integers(len(data) + 1))
            data[at:at] = data[begin : begin + length]
        elif kind == 6 and generator.random() < 0.3:
            del data[at:]
        elif kind == 7:
            number = int(generator.choice(np.array(_NUMBERS, np.uint64)))
            width = generator.choice(("<H", "<I", "<Q"))
            size = struct.calcsize(str(width))
            data[at : at + size] = struct.pack(str(width), number % 2 ** (8 * size))
        elif kind == 8:
            other = others[int(generator.integers(len(others)))]
            begin = int(generator.integers(len(other) + 1))
            data[at : at + length] = other[begin : begin + length]
    return bytes(data)


def change_text(generator: np.random.Generator, example: bytes, others: Sequence[bytes]) -> bytes:
    """One to four changes of words (numbers, names, strings, braces, white space); seldom of bytes."""
    if generator.random() < 0.1:
        return change_bytes(generator, example, others)
    words = _WORD.findall(example)
    for _ in range(int(generator.integers(1, 5))):
        if not words:
            break
        at = int(generator.integers(len(words)))
        kind = int(generator.integers(7))
        if kind <= 2:
            words[at] = _WORDS[int(generator.integers(len(_WORDS)))]
        elif kind == 3:
            del words[at : at + int(min(generator.geometric(0.3), 20))]
        elif kind == 4:
            words[at:at] = words[at : at + int(min(generator.geometric(0.2), 40))]
        elif kind == 5:
            other = int(generator.integers(len(words)))
            words[at], words[other] = words[other], words[at]
        else:
            result = _WORD.findall(others[int(generator.integers(len(others)))])
            begin = int(generator.integers(len(result) + 1))
            words[at:at] = result[begin : begin + int(min(generator.geometric(0.1), 60))]
    return b"".join(words)
