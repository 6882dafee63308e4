"""A single layer outside any net, for tests: its bottoms, tops and parameters as arrays; finite differences."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
from google.protobuf import text_format

import caffe_torch.layers
from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer, create
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import device

TRAIN, TEST = caffe_pb2.TRAIN, caffe_pb2.TEST


class OneLayer:
    """``OneLayer('type: "ReLU"', x)``: set up, run forward once; ``.top`` and ``.backward(dy)`` for what it gives."""

    def __init__(
        self,
        text: str,
        *bottoms: Any,
        tops: int = 1,
        phase: int = TRAIN,
        in_place: bool = False,
        make: Callable[[Any, int], Layer] = create,
    ):
        param = text_format.Parse(f'name: "it" {text}', caffe_pb2.LayerParameter())
        self.layer = make(param, phase)
        self.bottoms = []
        for values in bottoms:
            array = np.asarray(values, np.float32)
            blob = Blob(*array.shape)
            blob.data[...] = array
            self.bottoms.append(blob)
        self.tops = [self.bottoms[0] if in_place and i == 0 else Blob() for i in range(tops)]
        self.layer.check_counts(self.bottoms, self.tops)
        self.layer.setup(self.bottoms, self.tops)
        self.layer.reshape(self.bottoms, self.tops)
        self.layer.param_propagate_down = [True] * len(self.layer.blobs)

    def forward(self) -> np.ndarray:
        self.layer.reshape(self.bottoms, self.tops)
        self.layer.forward(self.bottoms, self.tops)
        return self.top

    @property
    def top(self) -> np.ndarray:
        return self.tops[0].data

    @property
    def params(self) -> list[np.ndarray]:
        return [blob.data for blob in self.layer.blobs]

    def backward(self, *dy: Any) -> list[np.ndarray]:
        """The gradients of the bottoms from those of the tops (1 where not given)."""
        for i, blob in enumerate(self.tops):
            blob.diff[...] = dy[i] if i < len(dy) else 1
        wanted = [i not in self.layer.no_gradient for i in range(len(self.bottoms))]
        self.layer.backward(self.tops, wanted, self.bottoms)
        return [blob.diff for blob in self.bottoms]

    def check_gradients(self, step: float = 1e-2, tolerance: float = 2e-2, seed: int = 0) -> None:
        """Compare the gradients of bottoms and parameters with central differences, in the largest one's units.

        On a device they are compared with the CPU's, which are compared with differences elsewhere.
        """
        random = np.random.default_rng(seed)
        self.forward()
        weights = [random.standard_normal(blob.shape).astype(np.float32) for blob in self.tops]
        targets = [b for i, b in enumerate(self.bottoms) if i not in self.layer.no_gradient] + list(self.layer.blobs)
        result = self._gradients(weights, targets)
        if device.current().type != "cpu":
            caffe_torch.set_mode_cpu()
            for gradient, expected in zip(result, self._gradients(weights, targets)):
                np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max(initial=0))
            caffe_torch.set_mode_gpu()
            return

        def value() -> float:
            self.forward()
            return sum(float((w.astype(np.float64) * b.data).sum()) for w, b in zip(weights, self.tops))

        for blob, gradient in zip(targets, result):
            expected = np.zeros(blob.shape)
            for index in np.ndindex(*blob.shape):
                before = blob.data[index].copy()
                blob.data[index] = before + step
                above = value()
                blob.data[index] = before - step
                below = value()
                blob.data[index] = before
                expected[index] = (above - below) / (2 * step)
            scale = max(float(np.abs(expected).max()), 1e-3)
            assert np.abs(gradient - expected).max() / scale < tolerance, (gradient, expected)

    def _gradients(self, weights: list[np.ndarray], targets: list[Blob]) -> list[np.ndarray]:
        """Those of ``targets`` after a forward and a backward pass, ``weights`` the tops' own."""
        self.forward()
        for blob in self.layer.blobs:
            blob.diff[...] = 0
        self.backward(*weights)
        return [blob.diff.copy() for blob in targets]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
