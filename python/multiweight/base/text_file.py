"""A text file that a person wrote, in UTF-8."""

from __future__ import annotations

from pathlib import Path

from multiweight.base.errors import UserError

DIGITS = 4300  # of a number in it: Python itself refuses longer ones from 3.11 on


def read_text(path: str | Path, what: str = "the file", most: int | None = None) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; ``what`` names it in messages.

    UserError where it cannot be read, is not UTF-8, or has more than ``most`` bytes.
    """
    try:
        with open(path, "rb") as file:
            data = file.read() if most is None else file.read(most + 1)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {what} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if most is not None and len(data) > most:
        raise UserError(f"{path}: more than {most:,} bytes: {what} is a text that people write")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from None
