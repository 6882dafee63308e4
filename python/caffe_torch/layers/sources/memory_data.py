"""MemoryData: batches out of arrays that the program hands over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from caffe_torch.blob.blob import Blob
from caffe_torch.input.transform import Transformer, datum_array
from caffe_torch.layers.base import Layer, register
from caffe_torch.runtime import log, rng


@register("MemoryData")
class MemoryData(Layer):
    """Serves what ``reset`` or ``add_datum_vector`` gave, batch after batch, from the first again after the last."""

    bottoms = (0, 0)
    tops = (2, 2)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.memory_data_param
        self.batch_size, self.channels, self.height, self.width = (
            param.batch_size, param.channels, param.height, param.width
        )  # fmt: skip
        if min(self.batch_size, self.channels, self.height, self.width) < 1:
            raise self.fail("memory_data_param needs batch_size, channels, height and width of 1 or more")
        self._data: np.ndarray | None = None
        self._labels = np.zeros(0, np.float32)
        self._position = 0
        self._added = False  # data of add_datum_vector that is not served to its end yet
        self._transform = Transformer(self.param.transform_param, self.phase, np.random.default_rng(rng.spawn_seed()))
        top[0].adopt_shape((self.batch_size, self.channels, self.height, self.width))
        top[1].adopt_shape((self.batch_size,))

    def reset(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Serve ``data`` (n, channels, height, width) and ``labels`` (n or n, 1, 1, 1), float32, from the first on.

        n is a multiple of the batch size. The arrays are used where they are: later changes show.
        """
        if self.param.HasField("transform_param"):
            log.warning("MemoryData does not transform arrays that it is given")
        self._serve(data, labels)

    def _serve(self, data: np.ndarray, labels: np.ndarray) -> None:
        shape = (self.channels, self.height, self.width)
        if data.ndim != 4 or data.shape[1:] != shape:
            raise self.fail(f"needs data of shape (n, {', '.join(map(str, shape))}), found {data.shape}")
        if labels.shape not in ((len(data),), (len(data), 1, 1, 1)):
            raise self.fail(f"needs {len(data)} labels, one an item, found shape {labels.shape}")
        if len(data) == 0 or len(data) % self.batch_size:
            raise self.fail(f"has {len(data)} items, a multiple of the batch size {self.batch_size} is needed")
        self._data, self._labels, self._position = data, labels.reshape(-1), 0

    def add_datum_vector(self, datums: Sequence[Any]) -> None:
        """Serve Datum messages next, transformed as ``transform_param`` says; those before must be used up."""
        if self._added:
            raise self.fail("the data added before has not been used up yet")
        data = np.empty((len(datums), self.channels, self.height, self.width), np.float32)
        labels = np.empty(len(datums), np.float32)
        for i, datum in enumerate(datums):
            image = datum_array(datum, f"datum {i}", self.param.transform_param)
            if self._transform.shape(image.shape) != data.shape[1:]:
                raise self.fail(f"datum {i} has shape {image.shape}, expected {data.shape[1:]} after the crop")
            self._transform(image, data[i])
            labels[i] = datum.label
        self._serve(data, labels)
        self._added = True

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        """The shapes are the settings'."""

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        if self._data is None:
            raise self.fail("has no data yet: call net.set_input_arrays, or the layer's reset, before forward")
        window = slice(self._position, self._position + self.batch_size)
        # Copies, so that in-place layers leave the program's arrays alone.
        top[0].adopt_shape((self.batch_size, self.channels, self.height, self.width))
        top[1].adopt_shape((self.batch_size, 1, 1, 1))
        top[0].assign(torch.from_numpy(np.array(self._data[window], np.float32)))
        top[1].assign(torch.from_numpy(np.array(self._labels[window], np.float32)))
        self._position = window.stop % len(self._data)
        self._added = self._added and self._position != 0

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        """Data has no gradient."""

    def state_dict(self) -> dict[str, Any]:
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self._data is not None:
            self._position = int(state["position"]) % len(self._data)
