"""Text files that data layers read, such as lists of images: UTF-8, or bytes of another ASCII-compatible encoding."""

from __future__ import annotations

import codecs

from caffe_torch.errors import CaffeError
from caffe_torch.files import native

#: How files begin that people give by mistake.
_OTHERS = {
    b"\x89HDF": "an HDF5 file",
    codecs.BOM_UTF16_LE: "text in UTF-16",
    codecs.BOM_UTF16_BE: "text in UTF-16",
}


def read(path: str, what: str) -> str:
    """The file's text without a byte order mark, lines ending in \\n; ``what`` names the file in messages.

    Bytes that are not valid UTF-8 become lone surrogates (surrogateescape), which the system turns back into the same
    bytes where the text is used as a path. CaffeError: a file that cannot be read, or holds NUL bytes.
    """
    try:
        with open(native.path(path), "rb") as file:
            data = file.read()
    except OSError as error:
        raise CaffeError(f"{path}: the {what} cannot be read ({error.strerror})") from None
    if b"\0" in data:
        raise CaffeError(f"{path}: the {what} cannot be read: it is {other_kind(data)}; give a text file in UTF-8")
    decoded = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


def other_kind(data: bytes) -> str:
    """What a file with NUL bytes is, in words for a message."""
    return next((kind for first, kind in _OTHERS.items() if data.startswith(first)), "not a text file")
