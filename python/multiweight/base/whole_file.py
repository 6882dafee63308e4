"""Files that appear whole under their name or not at all; what the system refuses is told with that name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

#: What the name of a file ends in until it is whole.
PARTIAL = ".partial"


@contextmanager
def place(path: str | Path) -> Iterator[Path]:
    """Where to write: what lies there at the end gets the name ``path``; after an error it is removed."""
    partial = Path(f"{path}{PARTIAL}")
    with named(path):
        try:
            yield partial
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise


@contextmanager
def opened(path: str | Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """The same as an open file, texts in UTF-8; ``options`` are those of ``open``."""
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    with place(path) as partial, open(partial, mode, **options) as file:
        yield file


def write(path: str | Path, text: str) -> None:
    """Write a text in UTF-8."""
    with opened(path) as file:
        file.write(text)


@contextmanager
def named(path: str | Path) -> Iterator[None]:
    """An OSError that names no file, as that of a full disk, names ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
