"""What a program does to an image before the net sees it, as nodes of the model: channel order, mean, scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.export.graph import Graph
from caffe_torch.export.subgraph import Shape
from caffe_torch.files import binary_file, wire

ORDERS = ("bgr", "rgb")


@dataclass(frozen=True)
class Preprocessing:
    """(pixels - mean) * scale, for images of (n, channels, height, width) with values 0 to 255.

    ``mean`` is a mean.binaryproto, one number a channel in the net's order, or an array (channels, height, width); a
    larger mean than the input is cut at its centre, as Caffe's TEST phase does. ``channels`` is the order in which the
    model takes them: ``rgb`` is turned into the net's, BGR. ``blob`` is the input (default: the only one with 4 axes).
    """

    mean: str | Path | Sequence[float] | np.ndarray | None = None
    scale: float = 1.0
    channels: str = "bgr"
    blob: str | None = None

    def input(self, inputs: dict[str, Shape]) -> str:
        """The input that it is for."""
        images = [name for name, shape in inputs.items() if len(shape) == 4]
        if self.blob is not None and self.blob not in images:
            raise CaffeError(f"export: preprocessing is for {self.blob!r}; the inputs of 4 axes are {images}")
        if self.blob is None and len(images) != 1:
            raise CaffeError(f"export: preprocessing needs one input of 4 axes, found {images or 'none'}")
        return self.blob or images[0]

    def mean_of(self, shape: Shape) -> np.ndarray | None:
        """The mean for an input of this shape, (channels, 1, 1) or (channels, height, width)."""
        if self.mean is None:
            return None
        if isinstance(self.mean, (str, Path)):
            mean = wire.read_blob(memoryview(binary_file.read(self.mean, "a .binaryproto")), str(self.mean))
            mean = mean.reshape(mean.shape[-3:])
        else:
            mean = np.asarray(self.mean, np.float32)
            mean = mean.reshape(-1, 1, 1) if mean.ndim == 1 else mean
        channels, height, width = shape.sizes[1:]
        if mean.ndim != 3 or mean.shape[0] not in (1, channels):
            raise CaffeError(f"export: the mean has shape {mean.shape}: give a number for each of {channels} channels")
        if mean.shape[1:] == (1, 1):
            return mean.astype(np.float32)
        if shape.varies(2) or shape.varies(3):
            raise CaffeError("export: a mean of one value per pixel needs fixed height and width; give one per channel")
        rows, columns = mean.shape[1] - height, mean.shape[2] - width
        if rows < 0 or columns < 0:
            raise CaffeError(f"export: the mean is {mean.shape[1:]}, smaller than the input {(height, width)}")
        mean = mean[:, rows // 2 : rows // 2 + height, columns // 2 : columns // 2 + width]
        return np.ascontiguousarray(mean, np.float32)

    def check(self, shape: Shape) -> None:
        if self.channels not in ORDERS:
            raise CaffeError(f"export: channels {self.channels!r}: expected {' or '.join(ORDERS)}")
        if self.channels == "rgb" and shape[1] != 3:
            raise CaffeError(f"export: channels rgb needs an input of 3 channels, found {shape[1]}")

    def write(self, graph: Graph, blob: str, shape: Shape) -> None:
        """Put the nodes in front of the net's first."""
        self.check(shape)
        value = blob
        if self.channels == "rgb":
            order = graph.initializer("preprocessing/order", np.array([2, 1, 0], np.int64))
            value = graph.add("Gather", [value, order], "preprocessing/channels", axis=1)
        mean = self.mean_of(shape)
        if mean is not None:
            summand = graph.initializer("preprocessing/mean", mean[None])
            value = graph.add("Sub", [value, summand], "preprocessing/subtract")
        if self.scale != 1:
            factor = graph.initializer("preprocessing/factor", np.array(self.scale, np.float32))
            value = graph.add("Mul", [value, factor], "preprocessing/scale")
        graph.values[blob] = value

    def apply(self, pixels: np.ndarray, shape: Shape) -> np.ndarray:
        """The same in NumPy."""
        ordered = pixels[:, ::-1] if self.channels == "rgb" else pixels
        mean = self.mean_of(shape)
        return ((ordered if mean is None else ordered - mean) * np.float32(self.scale)).astype(np.float32)
