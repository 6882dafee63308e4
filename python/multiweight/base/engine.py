"""Which Caffe: the original where this interpreter has it, else caffe_torch. The choice is made here alone."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType

from multiweight.base.errors import UserError

CHOICES = ("auto", "caffe", "torch")


def select(name: str | None = None) -> ModuleType:
    """The module with pycaffe's API.

    ``name`` is ``auto``, ``caffe`` (the original) or ``torch`` (caffe_torch); None reads the environment variable
    ``ENGINE``, else ``auto``: the original where it can be imported, else caffe_torch. The two never share a process.
    Raises UserError when the engine asked for cannot be imported here, saying what to install.
    """
    name = name or os.environ.get("ENGINE") or "auto"
    if name not in CHOICES:
        raise UserError(f"engine {name!r} is unknown: expected one of {', '.join(CHOICES)}")
    loaded = sys.modules.get("caffe")
    if loaded is not None and not _is_ours(loaded):
        if name == "torch":
            raise UserError("ENGINE=torch, but this process has already loaded the original Caffe: start a new one")
        return loaded
    if "caffe_torch" in sys.modules:
        if name == "caffe":
            raise UserError("ENGINE=caffe, but this process has already loaded caffe_torch: start a new one")
        return sys.modules["caffe_torch"]
    # Both engines tell of each layer that they make: too much between progress bars. The original reads this once.
    os.environ.setdefault("GLOG_minloglevel", "1")
    if name == "caffe" or (name == "auto" and importlib.util.find_spec("caffe") is not None):
        try:
            return importlib.import_module("caffe")
        except ImportError as error:
            raise UserError(
                f"ENGINE=caffe, but pycaffe cannot be imported ({error}): use its container, or ENGINE=torch"
            ) from error
    try:
        module = importlib.import_module("caffe_torch")
        # Where ``messages`` came first, the package does not know its own module yet.
        module.proto.caffe_pb2 = sys.modules["caffe_torch.proto.caffe_pb2"]
        return module
    except ImportError as error:
        raise UserError(
            str(error)
            if error.name == "torch"
            else f"caffe_torch cannot be imported ({error}): run `make setup`, or pip install multiweight[torch]"
        ) from error


def _is_ours(module: ModuleType) -> bool:
    return module.__name__ == "caffe_torch"


def messages(name: str | None = None) -> ModuleType:
    """The ``caffe_pb2`` of the engine that ``select`` would choose; caffe_torch itself is not loaded for it.

    For steps that only read and write Caffe's files: PyTorch would take seconds and 200 MB.
    """
    name = name or os.environ.get("ENGINE") or "auto"
    module = "caffe_torch.proto.caffe_pb2"
    original = "caffe" in sys.modules or name == "caffe" or (name == "auto" and importlib.util.find_spec("caffe"))
    spec_of_torch = None if original else importlib.util.find_spec("caffe_torch")
    if name not in CHOICES or spec_of_torch is None or not spec_of_torch.submodule_search_locations:
        return schema(select(name))
    if module not in sys.modules:
        path = os.path.join(spec_of_torch.submodule_search_locations[0], "proto", "caffe_pb2.py")
        spec = importlib.util.spec_from_file_location(module, path)
        if spec is None or spec.loader is None:
            return schema(select(name))
        # Under its own name, so that an engine loaded later takes this one: a schema is registered once per process.
        sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module])
    return sys.modules[module]


def schema(caffe: ModuleType) -> ModuleType:
    """The engine's ``caffe_pb2``; ``caffe`` may be that module itself, as ``messages`` gives it."""
    if hasattr(caffe, "Datum"):
        return caffe
    return importlib.import_module(caffe.__name__ + ".proto.caffe_pb2")


def describe(caffe: ModuleType) -> str:
    """One line for logs and results: engine, its version, and what computes."""
    if _is_ours(caffe):
        torch = importlib.import_module("torch")
        return f"caffe_torch {caffe.__version__} (PyTorch {torch.__version__})"
    return f"caffe {caffe.__version__} (the original)"


def use_device(caffe: ModuleType, gpu: str | None) -> str:
    """Choose where the engine computes, and say it: ``cpu`` or ``gpu N``.

    ``gpu`` is ``none``, a GPU's number, or None or an empty string for a GPU where there is one.
    """
    if gpu in (None, "", "auto"):
        gpu = "0" if gpus(caffe) else "none"
    if gpu == "none":
        caffe.set_mode_cpu()
        return "cpu"
    chosen = gpu_list(caffe, gpu)
    if len(chosen) > 1 and processes() != len(chosen):
        raise UserError(f"GPU={gpu}: expected one GPU's number here, or none; only training uses several")
    try:
        number = int(chosen[process() if len(chosen) > 1 else 0])
    except ValueError:
        raise UserError(f"GPU={gpu}: expected one GPU's number here, or none") from None
    if _is_ours(caffe) and number >= gpus(caffe):
        raise UserError(
            f"GPU={gpu}: this machine has {gpus(caffe)} GPU(s) that PyTorch can use; GPU=none computes on the CPU"
        )
    caffe.set_device(number)
    caffe.set_mode_gpu()
    return f"gpu {number}"


def gpu_list(caffe: ModuleType, gpu: str) -> list[str]:
    """The GPUs that ``0``, ``0,1`` or ``all`` mean, as written."""
    return [str(n) for n in range(gpus(caffe))] or ["0"] if gpu == "all" else gpu.split(",")


def process() -> int:
    """The number of this process among those that train together (0 for a single one); torchrun sets it."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def largest(value: int) -> int:
    """The largest of the numbers that the processes which train together give here, each of them at the same place."""
    if processes() == 1:
        return value
    return int(importlib.import_module("caffe_torch.runtime.distributed").largest(value))


def gpus(caffe: ModuleType) -> int:
    """How many GPUs the engine can use (the original does not tell: the driver's device files are counted)."""
    if _is_ours(caffe):
        return int(importlib.import_module("caffe_torch.runtime.accelerator").count())
    return sum(os.path.exists(f"/dev/nvidia{n}") for n in range(16))
