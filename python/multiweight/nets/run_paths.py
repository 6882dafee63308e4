"""Paths inside a run's prototxt: written from the run's own folder, so that they hold wherever the runs lie.

Caffe resolves a path against the current directory: in the run's folder ``caffe train`` finds all. A program that runs
elsewhere reads the file by :func:`net`, which gives the same message with paths that hold anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import text_format

from multiweight.base import engine
from multiweight.base.errors import UserError

# Fields of a layer's parameters that hold a path to read.
_READ = {
    "data_param": ("source",),
    "hdf5_data_param": ("source",),
    "image_data_param": ("source", "root_folder"),
    "infogain_loss_param": ("source",),
    "transform_param": ("mean_file",),
    "window_data_param": ("source", "root_folder"),
}


def written(path: Path, folder: Path) -> str:
    """``path`` as a prototxt in ``folder`` holds it."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def net(caffe: ModuleType, file: Path) -> Any:
    """The NetParameter of ``file`` with absolute paths; UserError for bad text, or for a source that is not there."""
    param = read(file, engine.schema(caffe).NetParameter())
    if not param.layer:
        raise UserError(f"{file}: a net without a layer: write it again (make prototxt OVERWRITE=1)")
    for layer in param.layer:
        for holder, name in _paths(layer):
            path = _absolute(getattr(holder, name), file)
            if not os.path.exists(path):
                raise UserError(
                    f"{file}: layer {layer.name!r} reads {getattr(holder, name)!r}, and {path} is not there: pack the "
                    "data (make lmdb); where the file was written by an earlier version, write it again (make prototxt "
                    "OVERWRITE=1)"
                )
            setattr(holder, name, path)
    return param


def read(file: Path, message: Any) -> Any:
    """``message`` filled from a prototxt; UserError with the line where it is no such text."""
    try:
        return text_format.Parse(file.read_text(encoding="utf-8"), message)
    except text_format.ParseError as error:
        place = f"line {error.GetLine()}: " if error.GetLine() else ""
        what = (str(error).partition(" : ")[2] or str(error))[-200:]
        raise UserError(f"{file}: {place}{what}: mend it, or write it again (make prototxt OVERWRITE=1)") from None
    except RecursionError:
        raise UserError(f"{file}: nested too deep: write it again (make prototxt OVERWRITE=1)") from None
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UserError(f"{file}: cannot be read ({told}): write the nets first (make prototxt)") from None


def _absolute(path: str, file: Path) -> str:
    return os.path.normpath(os.path.join(os.path.abspath(str(file.parent)), path))


def _paths(layer: Any) -> Iterator[tuple[Any, str]]:
    for parameter, names in _READ.items():
        if layer.HasField(parameter):
            for name in names:
                if getattr(getattr(layer, parameter), name):
                    yield getattr(layer, parameter), name
