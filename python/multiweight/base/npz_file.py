"""Arrays that a step kept in a .npz file, read back; one that was cut or damaged is told, whatever fails in it."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

_DAMAGE = (OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, RuntimeError, MemoryError,
           OverflowError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error)  # fmt: skip


def read(path: str | Path, *names: str) -> list[np.ndarray]:
    """The arrays of these names; ValueError where the file is not there, not whole, or has no such arrays."""
    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("no .npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return [np.asarray(arrays[name]) for name in names]
    except _DAMAGE as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from None
