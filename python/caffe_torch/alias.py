"""``import caffe`` inside a user's Python layer means this engine, once it is in use."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

_PACKAGE = __package__ or "caffe_torch"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives ``caffe.<name>`` as the very module ``caffe_torch.<name>``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith("caffe."):
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        try:
            module = importlib.import_module(_PACKAGE + spec.name[len("caffe") :])
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"No module named {spec.name!r} (caffe is caffe_torch here)", name=spec.name
            ) from None
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has just overwritten it


def install() -> None:
    """Make ``caffe`` a name of this package; ImportError where the original is already loaded."""
    loaded = sys.modules.get("caffe")
    ours = sys.modules[_PACKAGE]
    if loaded is ours:
        return
    if loaded is not None:
        raise ImportError(
            "the original Caffe is already loaded in this process; caffe_torch and the original need a process each"
        )
    sys.modules["caffe"] = ours
    sys.meta_path.insert(0, _Finder())
