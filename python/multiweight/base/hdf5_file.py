"""HDF5 files that the steps wrote, read back: nothing of another file is taken for theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from multiweight.base.errors import UserError

if TYPE_CHECKING:
    import h5py


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
