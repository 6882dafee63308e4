"""A photo that a browser sends: read within limits, decoded in memory, never written."""

from __future__ import annotations

import numpy as np
from starlette.requests import ClientDisconnect, Request

from multiweight.photos import decoding, image_header

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP")


class Refused(Exception):
    """A photo that is not taken; the message says why and what to do, ``status`` is HTTP's."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


async def read(request: Request) -> bytes:
    """The body of a request; Refused above ``MAX_BYTES``, before it is read where its header tells."""
    too_large = Refused(413, f"the photo is larger than {MAX_BYTES // 2**20} MB: send a smaller one")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise too_large
    data = bytearray()
    try:
        async for part in request.stream():
            data += part
            if len(data) > MAX_BYTES:
                raise too_large
    except ClientDisconnect:
        raise Refused(400, "the connection ended before the photo was whole: send it again") from None
    return bytes(data)


def pixels(data: bytes) -> np.ndarray:
    """(height, width, 3) uint8 BGR; Refused for what is no photo, and for more than ``MAX_PIXELS``, before decoding.

    Only ``FORMATS``, those of phones and shops, are taken, whatever the file is called.
    """
    if not data:
        raise Refused(400, "the file is empty: choose a photo (JPEG, PNG, WebP, GIF or BMP)")
    header = image_header.header(data)
    if header.format not in FORMATS and (header.format or not header.problem):
        raise Refused(415, "not a photo: expected JPEG, PNG, WebP, GIF or BMP, whatever the file's name ends in")
    try:
        return decoding.decode(data, MAX_PIXELS)
    except decoding.UnreadableImage as error:
        raise Refused(415, f"the photo cannot be read ({error}): choose another, or save it anew as JPEG") from None
