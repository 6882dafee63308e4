"""What in an HDF5 file lies outside of it: links, external storage and virtual datasets, which name other files.

HDF5 follows them without a word, so that a stranger's file of weights may take any file of the machine for its numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from caffe_torch.errors import CaffeError
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import h5py
else:
    h5py = Lazy("h5py")


def refuse_any(store: h5py.File, path: str | Path) -> None:
    """CaffeError where anything in the file lies outside of it; links within it are refused too, none is needed."""
    groups, met = [store["/"]], set()
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise _outside(path, f"{group.name.rstrip('/')}/{name}", "a link")
            item = group[name]
            if isinstance(item, h5py.Dataset):
                refuse(item, path)
            elif isinstance(item, h5py.Group):
                place = h5py.h5o.get_info(item.id).addr
                if place not in met:
                    met.add(place)
                    groups.append(item)


def refuse_on_the_way(store: h5py.File, name: str, path: str | Path) -> None:
    """CaffeError where the object ``name``, or a group on the way to it, lies outside the file."""
    item = store.get(name)
    if item is None:
        return
    if item.file.filename != store.filename:
        raise _outside(path, name, "a link to another file")
    if isinstance(item, h5py.Dataset):
        refuse(item, path)


def refuse(dataset: h5py.Dataset, path: str | Path) -> None:
    """CaffeError where the dataset's numbers lie in other files."""
    if dataset.external:
        raise _outside(path, dataset.name, f"numbers of another file ({dataset.external[0][0]})")
    if dataset.is_virtual:
        raise _outside(path, dataset.name, "a virtual dataset, numbers of other files")


def _outside(path: str | Path, name: str, what: str) -> CaffeError:
    return CaffeError(f"{path}: {name} is {what}; only what the file itself holds is read")
