"""Experiments on gradients that the original loses, and on files that people give. Each gives arrays by name.

NumPy and a caffe only, in either engine.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from probes import net_of, outputs, solver_of


def reshape_then_flatten(caffe):
    """The gradient below a Reshape that a Flatten follows."""
    text = """layer { name: "p" type: "Power" bottom: "x" top: "p" power_param { scale: 2 } }
layer { name: "r" type: "Reshape" bottom: "p" top: "r" reshape_param { shape { dim: 2 dim: 2 } } }
layer { name: "f" type: "Flatten" bottom: "r" top: "f" }"""
    net = net_of(caffe, text, {"x": np.arange(4.0).reshape(1, 4)}, force=True)
    net.forward()
    net.blobs["f"].diff[...] = [[1, 2], [3, 4]]
    net.backward()
    return {"p": net.blobs["p"].diff.copy()}


def scale_iter_size(caffe):
    """One step over iter_size 3 of a Scale as large as its bottom: the mean gradient is 1."""
    text = """layer { name: "x" type: "DummyData" top: "x"
        dummy_data_param { shape { dim: 2 } data_filler { value: 1 } } }
layer { name: "s" type: "Scale" bottom: "x" top: "y" scale_param { axis: 0 num_axes: -1 filler { value: 1 } } }
layer { name: "t" type: "Reduction" bottom: "y" top: "t" loss_weight: 1 }"""
    solver = solver_of(caffe, text, "base_lr: 0.3 iter_size: 3")
    solver.step(1)
    return {"weight": solver.net.params["s"][0].data.copy()}


def hdf5_external(caffe):
    """A dataset whose numbers lie in another file."""
    with open("external.txt", "w") as file:
        file.write("../files/external.h5\n")
    text = 'layer { name: "d" type: "HDF5Data" top: "x" hdf5_data_param { source: "external.txt" batch_size: 2 } }'
    return outputs(net_of(caffe, text))


def nan_test(caffe):
    """The exit status of the command that scores a net whose loss is NaN."""
    text = """layer { name: "x" type: "DummyData" top: "x"
        dummy_data_param { shape { dim: 1 dim: 1 } data_filler { value: nan } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 1 } }
layer { name: "t" type: "Reduction" bottom: "fc" top: "t" loss_weight: 1 }"""
    net_of(caffe, text).save("nan.caffemodel")
    program = ["caffe"] if caffe.__name__ == "caffe" else [sys.executable, "-m", "caffe_torch"]
    flags = ["-model", "probe.prototxt", "-weights", "nan.caffemodel", "-iterations", "1"]
    return {"status": np.array(subprocess.run(program + ["test"] + flags, check=False).returncode)}


def no_items(caffe):
    """A forward of MemoryData that was given no items."""
    text = """layer { name: "m" type: "MemoryData" top: "x" top: "y"
        memory_data_param { batch_size: 2 channels: 1 height: 2 width: 2 } }"""
    net = net_of(caffe, text)
    net.set_input_arrays(np.zeros((0, 1, 2, 2), np.float32), np.zeros((0, 1, 1, 1), np.float32))
    return outputs(net)


def no_dummy_values(caffe):
    """A DummyData whose shape has a 0."""
    text = """layer { name: "d" type: "DummyData" top: "x"
        dummy_data_param { shape { dim: 2 dim: 0 } data_filler { type: "gaussian" } } }"""
    return outputs(net_of(caffe, text))


def byte_order_mark(caffe):
    """A net's text as some editors save it."""
    with open("mark.prototxt", "wb") as file:
        file.write(b'\xef\xbb\xbflayer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 } } }')
    return {"x": caffe.Net("mark.prototxt", caffe.TEST).blobs["x"].data.copy()}


def minus_and_its_number(caffe):
    """A space between the sign and the number."""
    text = 'layer { name: "p" type: "Power" bottom: "x" top: "p" power_param { shift: - 1 scale: -  .5 } }'
    return outputs(net_of(caffe, text, {"x": np.array([1.0, 2])}))


def no_images(caffe):
    """A batch of no images through layers with weights and without."""
    text = """layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "r" }"""
    return outputs(net_of(caffe, text, {"x": np.zeros((0, 3, 6, 5))}))


def max_pooling_nan(caffe):
    """The most of NaN and numbers."""
    text = 'layer { name: "y" type: "Pooling" bottom: "x" top: "y" pooling_param { kernel_size: 2 stride: 2 } }'
    return {"y": outputs(net_of(caffe, text, {"x": np.array([[[[1, np.nan], [3, 2]]]])}))["y"]}


def dropout_one(caffe):
    """A ratio that drops everything."""
    text = 'layer { name: "y" type: "Dropout" bottom: "x" top: "y" dropout_param { dropout_ratio: 1 } }'
    net_of(caffe, text, {"x": np.ones((2, 3))})
    return {}


LEARN = """layer { name: "x" type: "DummyData" top: "x"
        dummy_data_param { shape { dim: 1 dim: 1 } data_filler { value: 1 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 1 bias_term: false } }
layer { name: "t" type: "Reduction" bottom: "fc" top: "t" loss_weight: 1 }"""


def iter_size_minus_one(caffe):
    solver = solver_of(caffe, LEARN, "base_lr: 0.1 iter_size: -1")
    solver.step(1)
    return {"weight": solver.net.params["fc"][0].data.copy()}


def adam_momentum_one(caffe):
    solver = solver_of(caffe, LEARN, 'type: "Adam" base_lr: 0.1 momentum: 1 momentum2: 0.999')
    solver.step(1)
    return {"weight": solver.net.params["fc"][0].data.copy()}


def shared_test_net(caffe):
    """A test net's weights changed before the first test."""
    solver = solver_of(caffe, LEARN, "base_lr: 0.1 test_iter: 1 test_interval: 1 test_initialization: false")
    solver.test_nets[0].params["fc"][0].data[...] = 9
    return {"weight": solver.net.params["fc"][0].data.copy()}
