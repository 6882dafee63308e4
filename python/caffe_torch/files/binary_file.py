"""Reads a whole binary file of weights, states or means; the error for another kind of file says what it is."""

from __future__ import annotations

from pathlib import Path

from caffe_torch.errors import CaffeError
from caffe_torch.files import native

#: The bytes of plain text.
_TEXT = bytes([9, 10, 13, *range(32, 127)])
#: The first bytes of files that are given for weights or means by mistake, and what such a file is.
_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: fetch it with git lfs pull"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PK\x03\x04", "a zip archive (PyTorch's weights are such): unpack or convert it"),
    (b"\x1f\x8b", "compressed by gzip: unpack it"),
    (b"\x93NUMPY", "an array of NumPy's (.npy)"),
    *((bytes([0x80, n]), "a pickle (old weights of PyTorch's are such): convert it") for n in (2, 3, 4, 5)),
    (b"MATLAB 5.0 MAT-file", "a file of MATLAB's (.mat)"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
)


def read(path: str | Path, wanted: str) -> bytes:
    """The content of a binary message; CaffeError says what the file is where it is text, or another known kind."""
    data = read_bytes(path)
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning):
            raise CaffeError(f"{path}: {wanted} is expected, this is {kind}")
    if data[257:262] == b"ustar":
        raise CaffeError(f"{path}: {wanted} is expected, this is a tar archive: unpack it")
    begin = data[:2000].removeprefix(b"\xef\xbb\xbf")
    if begin and not begin.translate(None, _TEXT):
        kind = "a web page" if b"<html" in begin.lower() or b"<!doctype" in begin.lower() else "text"
        if kind == "text" and b"{" in begin and b":" in begin:
            kind = "a .prototxt: a net's text goes where the net is asked for"
        raise CaffeError(f"{path}: {wanted} is expected, this is {kind}")
    return data


def read_bytes(path: str | Path) -> bytes:
    """The file's content; CaffeError where it cannot be read."""
    try:
        return Path(native.path(path)).read_bytes()
    except OSError as error:
        raise CaffeError(f"{path}: cannot be read ({error.strerror})") from None
