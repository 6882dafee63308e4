"""Reading features.h5, whoever wrote it: its contents are checked first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError


class Contents(NamedTuple):
    """``values``: the open dataset (n, d) of floats; ``keys`` of the images, n; the file's attributes."""

    values: h5py.Dataset
    keys: list[str]
    attributes: dict[str, Any]


@contextmanager
def opened(path: str | Path) -> Iterator[Contents]:
    """The contents of a features file, open to read; UserError where it is damaged or none."""
    with _file(path) as file:
        try:
            contents = _contents(file, path)
        except (*hdf5_file.DAMAGE, OSError) as error:
            raise _broken(path, error) from None
        yield contents


def attributes(path: str | Path) -> dict[str, Any]:
    """The attributes of a features file alone; UserError where it is damaged or none."""
    with _file(path) as file:
        try:
            return hdf5_file.attributes(file)
        except (*hdf5_file.DAMAGE, OSError) as error:
            raise _broken(path, error) from None


@contextmanager
def _file(path: str | Path) -> Iterator[h5py.File]:
    holding = hdf5_file.opened(path)
    try:
        file = holding.__enter__()
    except FileNotFoundError:
        raise UserError(f"{path}: no such features file: extract the features first (make features)") from None
    except OSError as error:
        raise _broken(path, error) from None
    try:
        yield file
    finally:
        holding.__exit__(None, None, None)


def _contents(file: h5py.File, path: str | Path) -> Contents:
    file_attributes = hdf5_file.attributes(file)
    blob = file_attributes["blob"]
    values, stored = file[blob], file["keys"]
    if not isinstance(values, h5py.Dataset) or not isinstance(stored, h5py.Dataset):
        raise UserError(f"{path}: a group where features or keys are expected: extract the features again")
    if values.ndim != 2 or stored.ndim != 1 or len(values) != len(stored):
        raise UserError(f"{path}: {values.shape} features for {stored.shape} keys: delete it and extract again")
    hdf5_file.refuse_variable(values.id.get_type(), "the features")
    hdf5_file.refuse_variable(stored.id.get_type(), "keys")
    if values.dtype.kind != "f" or values.dtype.itemsize > 8:
        raise UserError(f"{path}: features of the kind {values.dtype}: expected floats: extract them again")
    for dataset in (values, stored):
        # A few bytes may promise any shape, filled with one value.
        if dataset.id.get_storage_size() < dataset.shape[0] * dataset.dtype.itemsize * (dataset.shape + (1,))[1]:
            raise UserError(f"{path}: {dataset.name} promises more than the file holds: extract the features again")
    try:
        keys = [_text(key) for key in stored[()]]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: a key is not UTF-8 ({error.reason}): extract the features again") from None
    return Contents(values, keys, file_attributes)


def rows(values: h5py.Dataset, path: str | Path, chosen: Any = ()) -> np.ndarray:
    """Rows of an open features file, all by default; UserError where they cannot be read."""
    try:
        return values[chosen]
    except (*hdf5_file.DAMAGE, OSError) as error:
        raise _broken(path, error) from None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _broken(path: str | Path, error: BaseException) -> UserError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UserError(f"{path}: not a whole features file ({reason}): delete it and extract again")
