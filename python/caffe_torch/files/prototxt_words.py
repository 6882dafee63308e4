"""The words of a .prototxt before protobuf's parser sees them: what C++'s parser reads and Python's does not, and what
neither reads but people write."""

from __future__ import annotations

import re

from caffe_torch.errors import CaffeError

#: Strings and comments, which stay as they are, or a minus sign with white space before its number.
_PARTS = re.compile(r"""("(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(\#[^\n]*)|-(\s+)(?=[\w.])|([^\x00-\x7f])""")
_WINDOWS = re.compile(r"""["'][A-Za-z]:\\(?!\\)""")


def prepare(text: str, source: str) -> str:
    """The text with each minus sign moved to its number, of the same lines and columns.

    CaffeError names the line of a character that no keyword has, as curly quotes are, and of a Windows path whose
    backslashes would be taken for escapes.
    """

    def word(part: re.Match[str]) -> str:
        string, _, space, foreign = part.groups()
        if space is not None:
            return f"{space}-"
        if foreign:
            raise _fail(
                source, part, f'{foreign!r} stands outside quotes, where only ASCII may (names are quoted by ")'
            )
        if string and _WINDOWS.match(string):
            raise _fail(source, part, f"in {string} each backslash begins an escape, as in \\n: write / in its place")
        return part.group()

    return _PARTS.sub(word, text)


def _fail(source: str, part: re.Match[str], what: str) -> CaffeError:
    before = part.string[: part.start()]
    return CaffeError(f"{source}:{before.count(chr(10)) + 1}:{part.start() - before.rfind(chr(10))}: {what}")
