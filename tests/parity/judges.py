"""What judges the layers of Caffe's forks, which the original lacks: OpenCV 4, all nets in one process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import caffe_torch as caffe

RUNNER = Path(__file__).with_name("opencv_runner.py")


def input_net(layers: str, inputs: Mapping[str, np.ndarray]) -> str:
    """A deploy net: an Input for every array, then ``layers``."""
    text = ""
    for name, array in inputs.items():
        dims = " ".join(f"dim: {n}" for n in array.shape)
        text += f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}\n'
    return text + layers


def draw_weights(net: Any, seed: int = 0) -> None:
    """Values for all parameters that keep activations of the size of the input; variances are positive."""
    rng = np.random.default_rng(seed)
    for name, blobs in net.params.items():
        for i, blob in enumerate(blobs):
            fan = max(int(np.prod(blob.shape[1:])), 1)
            values = rng.standard_normal(blob.shape) * np.sqrt(2 / fan) if i == 0 and fan > 1 else None
            if values is None:
                values = rng.uniform(0.5, 1.5, blob.shape) if i != 1 else rng.uniform(-0.5, 0.5, blob.shape)
            blob.data[...] = values
        if net.layer_dict[name].type == "BatchNorm":
            blobs[1].data[...] = rng.uniform(0.5, 1.5, blobs[1].shape)
            blobs[2].data[...] = 1


def settle(net: Any, inputs: Mapping[str, np.ndarray], magnitudes: Mapping[str, float]) -> None:
    """Run the net once and scale its convolutions and products so that the root mean square of their tops is 1.

    Or what ``magnitudes`` says for a layer: so that no score is 1 and no box outside, however deep the net. Means and
    variances of BatchNorm and BN are drawn near 0 and 1: such a net makes a rounding no larger from layer to layer.
    """
    rng = np.random.default_rng(1)
    for name, array in inputs.items():
        net.blobs[name].reshape(*array.shape)
        net.blobs[name].data[...] = array
    for name, layer in net.layer_dict.items():
        blobs = net.params.get(name, ())
        if layer.type == "BatchNorm" or (layer.type == "BN" and len(blobs) == 4):
            mean, variance = blobs[:2] if layer.type == "BatchNorm" else blobs[2:]
            mean.data[...] = rng.uniform(-0.2, 0.2, mean.shape)
            variance.data[...] = rng.uniform(0.5, 1.5, variance.shape)
        net.forward(start=name, end=name)
        if layer.type in ("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution", "InnerProduct"):
            top = net.blobs[net.top_names[name][0]]
            factor = magnitudes.get(name, 1.0) / float(np.sqrt(np.square(top.data).mean()))
            for blob in (*blobs, top):
                blob.data[...] *= factor


class OpenCV:
    """Nets that wait for OpenCV 4, and what it made of them."""

    def __init__(self, python: Path, folder: Path):
        self._python, self._folder = python, folder

    def add(self, name: str, layers: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Write a job, and return this engine's outputs of the same net, weights and inputs."""
        path = self._folder / f"{name}.prototxt"
        path.write_text(input_net(layers, inputs))
        net = caffe.Net(str(path), caffe.TEST)
        draw_weights(net)
        if net.params:
            net.save(str(self._folder / f"{name}.caffemodel"))
        np.savez(self._folder / f"{name}.in.npz", **inputs)  # type: ignore[arg-type]
        return {key: value.copy() for key, value in net.forward(None, None, None, **inputs).items()}

    def run(self) -> None:
        done = subprocess.run(
            [self._python, str(RUNNER), str(self._folder)], capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def outputs(self, name: str) -> dict[str, np.ndarray]:
        """By the names of the layers that end the net; AssertionError with what OpenCV said where it refused."""
        error = self._folder / f"{name}.error"
        assert not error.exists(), error.read_text()
        with np.load(self._folder / f"{name}.out.npz") as loaded:
            return {key: loaded[key] for key in loaded.files}


def detections(rows: np.ndarray) -> np.ndarray:
    """Boxes found (image, label, score, corners) by image, label and falling score.

    OpenCV gives those of all labels by score, and fills up with rows of zeros.
    """
    rows = rows.reshape(-1, 7)
    rows = rows[rows[:, 2] != 0]
    return rows[np.lexsort((-rows[:, 2], rows[:, 1], rows[:, 0]))]


def named(arrays: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip("abcdefgh", arrays))
