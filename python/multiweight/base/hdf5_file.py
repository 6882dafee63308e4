"""HDF5 files that the steps wrote, read back: nothing of another file is taken for theirs.

Texts have a fixed length: of those of a variable length libhdf5 follows whatever place a damaged file names, and
crashes or never returns. They are refused before they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multiweight.base.errors import UserError

if TYPE_CHECKING:
    import h5py

_LONGEST = 4096  # bytes of an attribute
_DEFLATED = 1100  # bytes that one byte of a compressed dataset may stand for, and more


#: What h5py raises at one damaged place or another.
DAMAGE = (RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError)


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """The file, open to read. UserError where a part of it lies elsewhere, OSError where it is damaged.

    HDF5 follows links, external storage and virtual datasets into other files without a word.
    """
    import h5py

    with h5py.File(str(path), "r") as file:
        try:
            _refuse_outside(file, path)
        except UserError:
            raise
        except DAMAGE as error:
            raise OSError(f"damaged: {error}") from None
        yield file


def _refuse_outside(file: h5py.File, path: str | Path) -> None:
    import h5py

    groups, met = [file["/"]], set()
    while groups:
        group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UserError(f"{path}: {name} is a link; only what the file itself holds is read")
            item = group[name]
            if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                raise UserError(f"{path}: {name} has its numbers in other files; only the file's own are read")
            if isinstance(item, h5py.Group) and (place := h5py.h5o.get_info(item.id).addr) not in met:
                met.add(place)
                groups.append(item)


def describe(file: h5py.File, attributes: Mapping[str, Any]) -> None:
    """Write attributes, texts as UTF-8 of a fixed length."""
    for name, value in attributes.items():
        text = value.encode("utf-8", "backslashreplace") or b"\0" if isinstance(value, str) else value
        file.attrs[name] = np.bytes_(text) if isinstance(text, bytes) else text


def attributes(file: h5py.File) -> dict[str, Any]:
    """The attributes of a file, as texts and numbers of Python's own; ValueError where one is neither."""
    return {name: _attribute(file, name) for name in file.attrs}


def _attribute(file: h5py.File, name: str) -> Any:
    """A list is none of ours, and a damaged shape would be read before it could be refused."""
    stored = file.attrs.get_id(name)
    refuse_variable(stored.get_type(), f"attribute {name}")
    if stored.shape != () or stored.dtype.itemsize > _LONGEST:
        raise ValueError(f"attribute {name} of the kind {stored.dtype} {stored.shape}")
    value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else value.item() if hasattr(value, "item") else value


def refuse_variable(kind: h5py.h5t.TypeID, what: str) -> None:
    """ValueError unless ``kind`` is a number, or a text of a fixed length; asked of the type alone, before a value."""
    import h5py

    if kind.get_class() == h5py.h5t.STRING and kind.is_variable_str():
        raise ValueError(f"{what} is a text of a variable length: write it as numpy.bytes_")
    if kind.get_class() not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        raise ValueError(f"{what} is neither a number nor a text")


def numbers(path: str | Path, name: str, axes: int, again: str, columns: int | None = None) -> np.ndarray:
    """The numbers of a dataset with so many ``axes``, or its first ``columns``.

    UserError where they cannot be read; ``again`` says what to do then.
    """
    import h5py

    try:
        with opened(path) as file:
            dataset = file[name]
            if not isinstance(dataset, h5py.Dataset) or dataset.ndim != axes:
                raise ValueError(f"{name} is no dataset of {axes} axes")
            refuse_variable(dataset.id.get_type(), name)
            if dataset.dtype.kind not in "fiu":
                raise ValueError(f"{name} holds {dataset.dtype}, not numbers")
            # A few bytes may promise any shape, filled with one value.
            if dataset.size * dataset.dtype.itemsize > dataset.id.get_storage_size() * (
                _DEFLATED if dataset.compression else 1
            ):
                raise ValueError(f"{name} promises more than the file holds")
            return np.asarray(dataset[()] if columns is None else dataset[:, :columns])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file: {again}") from None
    except (*DAMAGE, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: not a whole file ({reason}): {again}") from None
