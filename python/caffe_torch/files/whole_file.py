"""Files and folders that appear under their name whole or not at all, also when the process is killed.

What is not whole lies beside its place, under a hidden name of this process: several may write at once.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from caffe_torch.errors import CaffeError


def beside(path: Path) -> Path:
    """Where this process writes what is to appear at ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def stage(path: str | Path, write: Callable[[BinaryIO], None]) -> Path:
    """Let ``write`` fill a file beside ``path``, put it on the disk and return its name: ``show`` gives it its own."""
    path = Path(path)
    partial = beside(path)
    try:
        with open(partial, "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CaffeError(f"{path}: cannot be written ({error.strerror or error})") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def show(partial: Path, path: str | Path) -> None:
    """Give a file, or a folder, that is whole its name; CaffeError where the system refuses."""
    try:
        os.replace(partial, path)
    except OSError as error:
        raise CaffeError(f"{path}: cannot be written ({error.strerror})") from error


def write(path: str | Path, fill: Callable[[BinaryIO], None]) -> None:
    """Let ``fill`` write a file that appears whole."""
    partial = stage(path, fill)
    try:
        show(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """``data`` as a file that appears whole."""

    def fill(file: BinaryIO) -> None:
        file.write(data)

    write(path, fill)


def remove_left(path: Path) -> None:
    """Remove what processes that were killed left beside the file ``path``."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        left.unlink(missing_ok=True)
