"""Tensors of the emulated accelerator: a host tensor behind each stands for the device's memory; the CPU computes.

``counts`` counts what the device is asked to do, ``limits`` says what it lacks. ``emulated_accelerator.py`` makes
PyTorch believe in the device.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import Tensor

NAME = "emulated"
_aten = torch.ops.aten
#: Operations that move data between host and device, or only make or look at memory; the rest are kernels.
_COPIES = (_aten.copy_.default, _aten._to_copy.default)
#: Composites on the CPU that a GPU has kernels for, one per call: lists of tensors, cuDNN's convolution.
#: Also what PyTorch makes a view by: its composite would make a tensor that is no wrapper.
_OWN_KERNELS = ("aten::_foreach", "aten::_fused", "aten::convolution", "aten::_convolution", "aten::_unsafe_view")
_FREE = ("empty", "new_empty", "set_", "detach", "alias", "is_same_size", "record_stream", "_unsafe_view", "lift_fresh")


class Counts:
    """What the device was asked to do: kernels by operation, uploads, downloads, waits; by the phase set last."""

    def __init__(self) -> None:
        self.phase = ""
        self.kernels: Counter[tuple[str, str]] = Counter()
        self.uploads: Counter[str] = Counter()
        self.downloads: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self.streams = 0

    def clear(self) -> None:
        """Forget all of it; the phase stays."""
        for counter in (self.kernels, self.uploads, self.downloads, self.waits):
            counter.clear()
        self.streams = 0

    def kernels_of(self, phase: str | None = None) -> int:
        """How many kernels ``phase`` started, or all phases."""
        return sum(count for (name, _), count in self.kernels.items() if phase in (None, name))

    def by_operation(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for (_, operation), count in self.kernels.items():
            total[operation] += count
        return total


counts = Counts()
#: Copies to the host that have not arrived: (host tensor, its values).
pending: list[tuple[Tensor, Tensor]] = []


@dataclass
class Limits:
    """What the device lacks at the moment."""

    float64: bool = True
    #: The largest tensor that the device has memory for, in bytes.
    largest: float = math.inf
    #: All of the device's memory, in bytes.
    capacity: float = math.inf
    #: Operations that the device has no kernel for.
    missing_kernels: set[str] = field(default_factory=set)


limits = Limits()


class _Held:
    """Memory that a tensor holds; an object of its own, as PyTorch brings tensors back that Python has given up."""

    def __init__(self, storage: torch.UntypedStorage):
        self.address, self.size = storage.data_ptr(), storage.nbytes()
        _alive.add(self)


_alive: weakref.WeakSet[_Held] = weakref.WeakSet()


def _need(storage: torch.UntypedStorage) -> None:
    """An error as CUDA's, with its numbers, where the device has no room for memory that is new to it."""
    if limits.capacity == math.inf or storage.data_ptr() in {held.address for held in _alive}:
        return
    used = sum({held.address: held.size for held in _alive}.values())
    if used + storage.nbytes() > limits.capacity:
        raise torch.OutOfMemoryError(
            f"{NAME} out of memory. Tried to allocate {storage.nbytes()} bytes. GPU 0 has a total capacity of "
            f"{limits.capacity} bytes of which {limits.capacity - used} bytes is free. Of the allocated memory {used} "
            "bytes is allocated by PyTorch, and 0 bytes is reserved by PyTorch but unallocated."
        )


class DeviceTensor(Tensor):
    """A tensor of the emulated device; ``memory`` is the host tensor that stands for the device's memory."""

    memory: Tensor
    held: _Held

    @staticmethod
    def __new__(cls, memory: Tensor) -> DeviceTensor:
        if memory.dtype == torch.float64 and not limits.float64:
            raise TypeError(f"Cannot convert a tensor to float64: the device {NAME!r} has no float64")
        size = memory.numel() * memory.element_size()
        if size > limits.largest:
            raise torch.OutOfMemoryError(f"{NAME} out of memory. Tried to allocate {size} bytes")
        _need(memory.untyped_storage())
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, memory.size(), strides=memory.stride(), storage_offset=memory.storage_offset(),
            dtype=memory.dtype, device=torch.device(NAME, 0),
        )  # fmt: skip
        made.memory = memory
        made.held = _Held(memory.untyped_storage())
        return made

    def untyped_storage(self) -> torch.UntypedStorage:
        """The device's memory, whose address tells whether two tensors share it."""
        return self.memory.untyped_storage()

    def tolist(self) -> Any:
        """Lists of Python numbers, which the host waits for."""
        return self.cpu().tolist()

    def record_stream(self, stream: Any) -> None:
        """Memory is never given back early here."""
        counts.streams += 1

    def __repr__(self) -> str:  # type: ignore[override]
        return f"DeviceTensor({self.memory!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _COPIES:
            return _copied(func, args, kwargs)
        if _is_composite(func):
            return func._op_dk(torch._C.DispatchKey.CompositeExplicitAutograd, *args, **kwargs)
        if func.name() in limits.missing_kernels:
            raise NotImplementedError(f"Could not run '{func.name()}' with arguments from the '{NAME}' backend.")
        leaves = pytree.tree_leaves((args, kwargs))
        hosts = [x for x in leaves if isinstance(x, Tensor) and not isinstance(x, DeviceTensor)]
        if any(x.dim() for x in hosts):
            raise RuntimeError(f"{func}: expected all tensors to be on the same device, found {NAME}:0 and cpu")
        if func is _aten._local_scalar_dense.default:
            counts.downloads[counts.phase] += 1
            counts.waits[counts.phase] += 1
        elif not _is_view(func) and not func.__name__.split(".")[0].startswith(_FREE):
            counts.kernels[counts.phase, func.__name__] += 1
        return _computed(func, args, kwargs)


def _computed(func: Any, args: Any, kwargs: Any) -> Any:
    """``func`` on the memory; a result that is an argument (in place, ``out``) stays that very tensor."""
    wrappers = {id(x.memory): x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, DeviceTensor)}

    def unwrap(x: Any) -> Any:
        if isinstance(x, torch.device):
            return torch.device("cpu")
        return x.memory if isinstance(x, DeviceTensor) else x

    # A number that a composite has made a tensor of comes back as a number.
    kinds = [str(argument.type) for argument in func._schema.arguments]
    args = [torch.tensor(x) if kind == "Tensor" and isinstance(x, (int, float)) else x for x, kind in zip(args, kinds)]
    results = func(*pytree.tree_map(unwrap, args), **pytree.tree_map(unwrap, kwargs))
    if isinstance(results, Tensor) and func._schema.name.startswith("aten::set_"):
        return args[0]

    def wrap(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        if id(x) in wrappers and wrappers[id(x)].shape != x.shape:
            wrappers[id(x)].data = DeviceTensor(x)  # changed in place to another size, as by squeeze_ or out=
        return wrappers[id(x)] if id(x) in wrappers else DeviceTensor(x)

    return pytree.tree_map(wrap, results)


def _copied(func: Any, args: Any, kwargs: Any) -> Any:
    """Copies within the device are kernels; from and to the host they are uploads and downloads."""
    if func is _aten.copy_.default:
        target, source = args[0], args[1]
        waits = not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
        if isinstance(target, DeviceTensor) and not isinstance(source, DeviceTensor):
            counts.uploads[counts.phase] += 1
            target.memory.copy_(source)
        elif isinstance(target, DeviceTensor):
            counts.kernels[counts.phase, "copy_"] += 1
            target.memory.copy_(source.memory)
        else:
            _download(target, source.memory.to(target.dtype).expand(target.shape).clone(), waits)
        return target
    source = args[0]
    to = kwargs.get("device") or source.device
    dtype = kwargs.get("dtype") or source.dtype
    if torch.device(to).type == NAME:
        counts.kernels[counts.phase, "_to_copy"] += 1
        return DeviceTensor(source.memory.to(dtype, copy=True))
    values = source.memory.to(dtype, copy=True)
    target = torch.empty_like(values)
    _download(target, values, not kwargs.get("non_blocking", False))
    return target


def _download(target: Tensor, values: Tensor, waits: bool) -> None:
    counts.downloads[counts.phase] += 1
    if waits:
        counts.waits[counts.phase] += 1
        arrive()
        target.copy_(values)
        return
    target.fill_(float("nan") if target.is_floating_point() else False if target.dtype == torch.bool else -1)
    pending.append((target, values))


def arrive() -> None:
    """Complete the copies to the host that were not waited for."""
    for target, values in pending:
        target.copy_(values)
    pending.clear()


def _is_view(func: Any) -> bool:
    return any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)


_composite: dict[Any, bool] = {}


def _is_composite(func: Any) -> bool:
    """Whether every device computes ``func`` by other operations: it has a composite kernel and the CPU none."""
    if func not in _composite:
        has: Callable[[str, str], bool] = torch._C._dispatch_has_kernel_for_dispatch_key
        name = func.name()
        made_of_others = has(name, "CompositeExplicitAutograd") and not has(name, "CPU")
        _composite[func] = made_of_others and not _is_view(func) and not func._schema.name.startswith(_OWN_KERNELS)
    return _composite[func]
