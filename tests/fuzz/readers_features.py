"""Features and lists of results: HDF5 files that a run leaves, and another program may have written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from readers import Reader, register

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError
from multiweight.features import extraction, features_file


def _features(folder: Path) -> Sequence[bytes]:
    examples = []
    for kind in (np.float32, np.float16):
        path = folder / "features.h5"
        with h5py.File(path, "w") as file:
            file["fc7"] = np.random.RandomState(0).rand(6, 5).astype(kind)
            file["keys"] = np.array([b"%08d" % n for n in range(6)])
            values = dict(blob="fc7", weights_sha256="0" * 64, inputs_sha256="1" * 64, zero_rows=0, seconds=1.5)
            hdf5_file.describe(file, values)
        examples.append(path.read_bytes())
    return examples


def _load(path: Path) -> None:
    result = extraction.load(path)
    if result.values.dtype != np.float32 or len(result.values) != len(result.keys):
        raise AssertionError(f"{result.values.dtype} {result.values.shape} for {len(result.keys)} keys")
    features_file.attributes(path)


register(Reader("features", ".h5", _features, _load, (UserError,)))
