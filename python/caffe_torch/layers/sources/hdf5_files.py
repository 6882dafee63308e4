"""HDF5Data and HDF5Output: arrays read from and written to HDF5 files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.files import hdf5, hdf5_links, native, text_file
from caffe_torch.input.transform import TRAIN
from caffe_torch.layers.base import Layer, register
from caffe_torch.runtime import ranks, rng
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import h5py
else:
    h5py = Lazy("h5py")


#: Set to 1, HDF5Data follows links, external storage and virtual datasets into other files.
_FOLLOW = "CAFFE_TORCH_FOLLOW_HDF5"


@register("HDF5Data")
class HDF5Data(Layer):
    """Rows of the datasets named as the tops, file after file of the list ``hdf5_data_param.source``.

    One file is in memory at a time. ``shuffle`` draws the order of the files anew each round, and that of the rows at
    each visit of a file. Its state is its position: visits of files so far, the row, and rows passed in all.
    """

    bottoms = (0, 0)
    tops = (1, None)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self.param.HasField("transform_param"):
            raise self.fail("does not transform data: remove its transform_param")
        param = self.param.hdf5_data_param
        if param.batch_size < 1:
            raise self.fail("hdf5_data_param.batch_size must be at least 1")
        self.files = _list(param.source)
        self.seed = rng.spawn_seed()
        self._visit, self._row, self._passed = 0, 0, 0
        self._rows: list[tuple[int, ...]] = []
        self._load()
        for blob, array in zip(top, self._arrays):
            blob.adopt_shape((param.batch_size, *array.shape[1:]))

    def _load(self) -> None:
        """The file of the present visit."""
        shuffle = self.param.hdf5_data_param.shuffle
        turn, index = divmod(self._visit, len(self.files))
        if shuffle:
            index = int(np.random.default_rng((self.seed, 0, turn)).permutation(len(self.files))[index])
        if self._visit == 0 or len(self.files) > 1 or not hasattr(self, "_arrays"):
            self._arrays: list[np.ndarray] = []  # the last file's go before the next file's come
            self._arrays = _datasets(self.files[index], list(self.param.top), self._rows)
            self._rows = [array.shape[1:] for array in self._arrays]
        count = len(self._arrays[0])
        self._order = (
            np.random.default_rng((self.seed, 1, self._visit)).permutation(count) if shuffle else np.arange(count)
        )

    def _next(self) -> None:
        self._row += 1
        self._passed += 1
        if self._row == len(self._arrays[0]):
            self._row = 0
            self._visit += 1
            self._load()

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        """The shapes are the first file's."""

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        size = self.param.hdf5_data_param.batch_size
        batch = [np.empty((size, *blob.shape[1:]), np.float32) for blob in top]
        # Of N processes, each takes every N-th row in training.
        turns = ranks.world_size() if self.phase == TRAIN else 1
        for i in range(size):
            while self._passed % turns != (ranks.rank() if turns > 1 else 0):
                self._next()
            self._copy_row([values[i, ...] for values in batch])  # views, also where a row is one number
            self._next()
        for blob, values in zip(top, batch):
            blob.assign(torch.from_numpy(values))

    def _copy_row(self, destinations: list[np.ndarray]) -> None:
        """A function of its own, so that no variable keeps a file's array while the next file's is read."""
        for values, array in zip(destinations, self._arrays):
            values[...] = array[self._order[self._row]]

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """Data has no gradient."""

    def state_dict(self) -> dict[str, Any]:
        return {"seed": self.seed, "visit": self._visit, "row": self._row, "passed": self._passed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seed, self._visit, self._row, self._passed = (int(state[k]) for k in ("seed", "visit", "row", "passed"))
        del self._arrays
        self._load()


def _list(source: str) -> list[str]:
    files = text_file.read(source, "list of HDF5 files").split()
    if not files:
        raise CaffeError(f"{source}: lists no HDF5 file: write one file name a line")
    return files


def _datasets(path: str, names: list[str], rows: Sequence[tuple[int, ...]] = ()) -> list[np.ndarray]:
    """The datasets of a file as float32, all with the same number of rows, and of ``rows`` where that is given.

    What can be seen to be wrong without reading the numbers is.
    """
    with hdf5.opened(path) as store:
        for i, name in enumerate(names):
            if os.environ.get(_FOLLOW, "0") in ("", "0"):
                hdf5_links.refuse_on_the_way(store, name, path)
            dataset = store.get(name)
            if not isinstance(dataset, h5py.Dataset):
                if isinstance(dataset, h5py.Group):
                    raise CaffeError(f"{path}: {name!r}, the name of a top, is a group there, a dataset is expected")
                raise CaffeError(f"{path}: has no dataset {name!r}, the name of a top; it has {', '.join(store)}")
            if dataset.dtype.kind not in "fiu" or dataset.ndim < 1 or not len(dataset):
                raise CaffeError(f"{path}: dataset {name!r} must hold one or more rows of numbers")
            count = len(store[names[0]])
            if len(dataset) != count:
                raise CaffeError(f"{path}: dataset {name!r} has {len(dataset)} rows, {names[0]!r} has {count}")
            if rows and dataset.shape[1:] != rows[i]:
                raise CaffeError(
                    f"{path}: dataset {name!r} has rows of shape {dataset.shape[1:]}, the first file's have {rows[i]}"
                )
        return [hdf5.values(path, store[name]) for name in names]


@register("HDF5Output")
class HDF5Output(Layer):
    """Writes its two bottoms to ``hdf5_output_param.file_name``, as the datasets ``data`` and ``label`` of four axes.

    Every forward appends its rows; the original can write a single batch.
    """

    bottoms = (2, 2)
    tops = (0, 0)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.path = native.path(self.param.hdf5_output_param.file_name)
        try:
            h5py.File(self.path, "w").close()
        except OSError as error:
            raise self.fail(f"{self.path}: cannot be written ({error})") from None

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        if bottom[0].num != bottom[1].num:
            raise self.fail(f"its bottoms must have as many rows, found {bottom[0].num} and {bottom[1].num}")

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        with h5py.File(self.path, "a") as store:
            for name, blob in zip(("data", "label"), bottom):
                rows = blob.tensor().cpu().numpy().reshape(blob.num, blob.channels, blob.height, blob.width)
                if name not in store:
                    store.create_dataset(name, data=rows, maxshape=(None, *rows.shape[1:]))
                    continue
                dataset = store[name]
                if dataset.shape[1:] != rows.shape[1:]:
                    raise self.fail(f"{self.path}: {name} has rows of {dataset.shape[1:]}, found {rows.shape[1:]}")
                dataset.resize(len(dataset) + len(rows), axis=0)
                dataset[-len(rows) :] = rows

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """What is written has no gradient."""
