"""What tests of the search share: the implementations of the matrix product, a whole search, a file of features."""

from __future__ import annotations

import h5py
import numpy as np
import unchecked

from multiweight.base import hdf5_file
from multiweight.retrieval import matmul, search
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.rows import Rows


def ladders(d):
    unchecked.package("torch", "the search with torch's products")
    rest = [matmul.NumpyMatmul(np.float32, d), matmul.NumpyMatmul(np.float64, d)]
    return {
        "numpy": rest,
        "float64": rest[1:],
        "bfloat16": [matmul.DeviceMatmul(d, "cpu"), *rest],
    }


def searched(x, k, metric, ladder, sizes, directions=None, gallery=None, change=None):
    """The ranking of a search of all tiles, after ``change`` has been made to it."""
    rows, gallery_rows = Rows(x), None if gallery is None else Rows(gallery)
    space = Space(metric == "cosine", [rows, gallery_rows or rows])
    with search.Search(rows, gallery_rows, k, space, sizes, ladder, directions, 1) as opened_search:
        if change is not None:
            change(opened_search)
        for a, b in opened_search.tiles():
            opened_search.search_tile(a, b)
    return opened_search.ranking


def written(path, x, dtype=np.float32):
    with h5py.File(str(path), "w") as file:
        file.create_dataset("fc7", data=x.astype(dtype))
        file.create_dataset("keys", data=np.array([f"id{n}".encode() for n in range(len(x))]))
        hdf5_file.describe(file, {"blob": "fc7"})
    return path
