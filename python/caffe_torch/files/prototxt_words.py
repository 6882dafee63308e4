"""The words of a .prototxt before protobuf's parser sees them: what C++'s parser reads and Python's does not, and what
neither reads but people write."""

from __future__ import annotations

import re

from caffe_torch.errors import CaffeError
from caffe_torch.files import native

#: Strings, comments, a minus sign with white space before its number, and what has no place outside of strings.
_PARTS = re.compile(r"""("(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(\#[^\n]*)|-(\s+)(?=[\w.])|([^\t-\r\x20-\x7e])""")
#: Escapes of bytes above 127, as protobuf prints them; any other escape is passed over whole.
_HIGH_BYTES = re.compile(r"((?:\\[23][0-7]{2}|\\[xX][89a-fA-F][0-9a-fA-F])+)|\\.")
_HIGH_BYTE = re.compile(r"\\(?:[xX](..)|(...))")
_WINDOWS = re.compile(r"""["'][A-Za-z]:\\(?!\\)""")


def prepare(text: str, source: str) -> str:
    """The text with each minus sign moved to its number, and escaped bytes above 127 as the characters they stand for.

    Bytes that are no UTF-8 become characters as ``native.text`` makes them: a path may hold them. CaffeError names the
    line of a character that no keyword has, as curly quotes are, and of a Windows path whose backslashes would be taken
    for escapes.
    """

    def word(part: re.Match[str]) -> str:
        string, _, space, foreign = part.groups()
        if space is not None:
            return f"{space}-"
        if foreign:
            raise _fail(
                source,
                part,
                f'{foreign!r} stands outside quotes, where only printable ASCII may (names are quoted by ")',
            )
        if string and _WINDOWS.match(string):
            raise _fail(source, part, f"in {string} each backslash begins an escape, as in \\n: write / in its place")
        return _HIGH_BYTES.sub(_characters, string) if string else part.group()

    return _PARTS.sub(word, text)


def _characters(escapes: re.Match[str]) -> str:
    """The characters of escaped bytes above 127; other escapes as they are."""
    if not escapes.group(1):
        return escapes.group()
    found = _HIGH_BYTE.findall(escapes.group(1))
    return native.text(bytes(int(hexadecimal, 16) if hexadecimal else int(octal, 8) for hexadecimal, octal in found))


def _fail(source: str, part: re.Match[str], what: str) -> CaffeError:
    before = part.string[: part.start()]
    return CaffeError(f"{source}:{before.count(chr(10)) + 1}:{part.start() - before.rfind(chr(10))}: {what}")
