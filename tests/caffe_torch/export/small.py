"""Small nets for tests of export, and the model that came of one, run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

import caffe_torch as caffe

#: Windows that round up, in-place layers, two uses of a blob, an inner product over spatial axes.
NET = """name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 12 dim: 13 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3
  weight_filler { type: "gaussian" std: 0.1 } bias_filler { value: 0.2 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "left" type: "LRN" bottom: "pool" top: "left" lrn_param { local_size: 3 alpha: 0.001 beta: 0.75 } }
layer { name: "sum" type: "Eltwise" bottom: "pool" bottom: "left" top: "sum" eltwise_param { coeff: 2 coeff: -1 } }
layer { name: "fc" type: "InnerProduct" bottom: "sum" top: "fc" inner_product_param { num_output: 5
  weight_filler { type: "xavier" } } }
layer { name: "fc_relu" type: "ReLU" bottom: "fc" top: "fc" }
layer { name: "drop" type: "Dropout" bottom: "fc" top: "fc" }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""

#: The same before the inner product: any height and width will do.
OPEN = NET[: NET.index('layer { name: "fc"')]


def net(folder: Path, text: str = NET, phase: int = caffe.TEST) -> caffe.Net:
    caffe.set_random_seed(1)
    (folder / "net.prototxt").write_text(text)
    return caffe.Net(str(folder / "net.prototxt"), phase)


def run(path: Path, outputs: list[str] | None = None, **inputs: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(str(path)).run(outputs, {k: np.float32(v) for k, v in inputs.items()})


def forward(net: caffe.Net, blob: str, **inputs: np.ndarray) -> np.ndarray:
    for name, array in inputs.items():
        net.blobs[name].reshape(*array.shape)
        net.blobs[name].data[...] = array
    net.forward()
    return net.blobs[blob].data.copy()


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 255, shape).astype(np.float32)
