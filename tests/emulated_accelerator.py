"""An accelerator that PyTorch believes in and the CPU computes: what would go wrong on a GPU goes wrong here.

Tensors of the device ``emulated`` are wrappers whose memory is a host tensor that nothing else can reach. An operation
on them is unwrapped, computed by the CPU's kernel, wrapped again and counted. As on a GPU:

- an operation that mixes host and device tensors is refused (0-dim host tensors may mix, as CUDA allows);
- a copy to the host that was asked for with ``non_blocking`` holds NaN, or -1, until the device is synchronised;
- an operation without a kernel of its own counts as the operations that it is made of;
- without ``float64`` (Apple's MPS has none) a tensor of that type is refused.

It is deterministic. Streams are recorded and change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import Tensor
from torch.utils import backend_registration

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
        found: Counter[str] = Counter()
        for (_, operation), count in self.kernels.items():
            found[operation] += count
        return found


counts = Counts()
#: Copies to the host that have not arrived: (host tensor, its values).
_pending: list[tuple[Tensor, Tensor]] = []
_float64 = True
#: The largest tensor that the device has memory for, in bytes.
_most = float("inf")
#: Operations that the device has no kernel for.
_missing: set[str] = set()


class DeviceTensor(Tensor):
    """A tensor of the emulated device; ``memory`` is the host tensor that stands for the device's memory."""

    memory: Tensor

    @staticmethod
    def __new__(cls, memory: Tensor) -> DeviceTensor:
        if memory.dtype == torch.float64 and not _float64:
            raise TypeError(f"Cannot convert a tensor to float64: the device {NAME!r} has no float64")
        size = memory.numel() * memory.element_size()
        if size > _most:
            raise torch.OutOfMemoryError(f"{NAME} out of memory. Tried to allocate {size} bytes")
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, memory.size(), strides=memory.stride(), storage_offset=memory.storage_offset(),
            dtype=memory.dtype, device=torch.device(NAME, 0),
        )  # fmt: skip
        made.memory = memory
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
        if func.name() in _missing:
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
        _arrive()
        target.copy_(values)
        return
    target.fill_(float("nan") if target.is_floating_point() else False if target.dtype == torch.bool else -1)
    _pending.append((target, values))


def _arrive() -> None:
    for target, values in _pending:
        target.copy_(values)
    _pending.clear()


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


class _Stream:
    """A stream that is counted; work in it is done at once."""

    def __init__(self, device: Any = None) -> None:
        counts.streams += 1

    def synchronize(self) -> None:
        _arrive()

    def wait_stream(self, other: _Stream) -> None:
        pass


class _Hook(torch._C._acc.PrivateUse1Hooks):  # type: ignore[name-defined,misc]
    def is_available(self) -> bool:
        return _present

    def has_primary_context(self, device: int) -> bool:
        return _present

    def is_built(self) -> bool:
        return True


class _Module(backend_registration._DummyBackendModule):
    """``torch.emulated``: what PyTorch and programs ask of a device's module."""

    Stream = _Stream

    def is_available(self) -> bool:
        return _present

    def device_count(self) -> int:
        return int(_present)

    def synchronize(self, device: Any = None) -> None:
        """Wait for the device: copies to the host arrive."""
        counts.waits[counts.phase] += 1
        _arrive()

    def current_stream(self, device: Any = None) -> _Stream:
        return _current

    @contextmanager
    def stream(self, stream: _Stream) -> Iterator[None]:
        yield

    def get_device_name(self, device: Any = None) -> str:
        return "emulated accelerator"


class _CurrentStream(_Stream):
    """The stream of the computation: who waits for it holds up the host."""

    def synchronize(self) -> None:
        counts.waits[counts.phase] += 1
        _arrive()


_current = _CurrentStream()
_present = False
_library: torch.library.Library | None = None


def install() -> torch.device:
    """Register the device once a process, before its first backward; it is there while it is ``present``."""
    global _library
    if _library is None:
        backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module(), hook=_Hook())
        _library = torch.library.Library("aten", "IMPL")
        _library.impl("empty.memory_format", _empty, "PrivateUse1")
        _library.impl("empty_strided", _empty_strided, "PrivateUse1")
    return torch.device(NAME, 0)


@contextmanager
def present() -> Iterator[torch.device]:
    """Within it ``torch.accelerator`` reports the device, as on a machine that has one; counts begin at zero."""
    global _present
    device, _present, counts.phase = install(), True, ""
    counts.clear()
    try:
        yield device
    finally:
        _present = False
        _pending.clear()


@contextmanager
def without_float64() -> Iterator[None]:
    """Within it the device has no float64, as Apple's MPS has none."""
    global _float64
    _float64 = False
    try:
        yield
    finally:
        _float64 = True


@contextmanager
def with_memory_for(most: int) -> Iterator[None]:
    """Within it a tensor of more than ``most`` bytes does not fit."""
    global _most
    _most = most
    try:
        yield
    finally:
        _most = float("inf")


@contextmanager
def without_kernel(name: str) -> Iterator[None]:
    """Within it PyTorch has no kernel of the operation ``name`` for the device."""
    _missing.add(name)
    try:
        yield
    finally:
        _missing.remove(name)


def _empty(
    size: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    return DeviceTensor(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None
) -> Tensor:
    return DeviceTensor(torch.empty_strided(size, stride, dtype=dtype))
