"""Lists of files, as data layers read them: text of any encoding, with or without a byte order mark."""

from __future__ import annotations

from caffe_torch.errors import CaffeError
from caffe_torch.files import native

_MARK = b"\xef\xbb\xbf"


def read_text(path: str, what: str) -> str:
    """The file's text; bytes that are no UTF-8 stay what they are, for paths. ``what`` names the file in messages."""
    try:
        with open(native.path(path), "rb") as file:
            data = file.read()
    except OSError as error:
        raise CaffeError(f"{path}: the {what} cannot be read ({error.strerror})") from None
    if b"\0" in data:
        kind = "an HDF5 file" if data.startswith(b"\x89HDF") else "no text"
        raise CaffeError(f"{path}: the {what} cannot be read: it is {kind}; give a text file with a name a line")
    decoded = data.removeprefix(_MARK).decode("utf-8", "surrogateescape")
    return decoded.replace("\r\n", "\n").replace("\r", "\n")
