"""Modules of the user's that register layers: those that CAFFE_TORCH_LAYERS names, imported before the first net."""

from __future__ import annotations

import importlib
import os
import re
import traceback

from caffe_torch.errors import CaffeError

#: Names of modules, separated by commas; ``--layers`` of the command sets it.
LAYERS = "CAFFE_TORCH_LAYERS"

_imported: set[str] = set()


def load() -> None:
    """Import the modules that are named and not imported yet; CaffeError where one cannot be."""
    for name in re.findall(r"[^,\s]+", os.environ.get(LAYERS, "")):
        if name in _imported:
            continue
        if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
            raise CaffeError(
                f"{LAYERS}: {name!r} is no module's name: expected names separated by commas, such as my_layers for "
                "the file my_layers.py"
            )
        _imported.add(name)
        try:
            importlib.import_module(name)
        except ImportError as error:
            _imported.discard(name)
            raise CaffeError(f"{LAYERS}: {import_failure(name, error)}") from error
        except SyntaxError as error:
            _imported.discard(name)
            raise CaffeError(f"{LAYERS}: {error.filename}:{error.lineno}: {error.msg}") from error


def import_failure(name: str, error: ImportError) -> str:
    """Why module ``name`` cannot be imported: it is not found, or an import inside it fails, and where."""
    if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
        return f"module {name!r} cannot be imported ({error}); put its folder on PYTHONPATH or install it"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    where = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    return f"module {name!r} was found, but an import in it fails: {where}{error}"
