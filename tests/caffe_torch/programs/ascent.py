"""Gradient ascent on an image from a layer in the middle, at several sizes. python ascent.py OUT.npz"""

import sys

import caffe
import numpy as np

NET = """
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 24 dim: 24 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 6 kernel_size: 5 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" lrn_param { local_size: 3 } }
layer { name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1"
        pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
        convolution_param { num_output: 8 kernel_size: 3 } }
layer { name: "mean" type: "Pooling" bottom: "conv2" top: "mean" pooling_param { pool: AVE global_pooling: true } }
"""


def main(out):
    with open("ascent.prototxt", "w") as f:
        f.write(NET)
    net = caffe.Net("ascent.prototxt", caffe.TEST)
    random = np.random.RandomState(1)
    for name in net.params:
        net.params[name][0].data[...] = random.standard_normal(net.params[name][0].data.shape) * 0.2
        net.params[name][1].data[...] = 0.1
    order = []
    net.before_forward(lambda layer: order.append(layer))
    net.after_backward(lambda layer: order.append(-layer))
    source = net.blobs["data"]
    image = random.standard_normal((3, 24, 24)).astype(np.float32)
    results = {}
    for octave, size in enumerate((24, 31)):
        source.reshape(1, 3, size, size)
        source.data[0] = np.resize(image, (3, size, size))
        for _ in range(3):
            top = net.blobs["conv2"]
            net.forward(end="conv2")
            top.diff[...] = top.data
            net.backward(start="conv2")
            gradient = source.diff[0]
            source.data[0] += 1.5 / np.abs(gradient).mean() * gradient
        results["image%d" % octave] = source.data[0].copy()
    results["order"] = np.array(order)
    part = net.forward(start="pool1", end="conv2", blobs=["norm1"])
    results["part"] = part["conv2"]
    assert set(part) == {"conv2", "norm1"}
    back = net.backward(start="conv2", end="norm1", diffs=["pool1"])
    assert set(back) == {"conv1", "pool1"}
    results["back"] = back["conv1"]
    both, diffs = net.forward_backward_all(
        diffs=["conv1"], data=np.resize(image, (1, 3, 31, 31)), mean=np.ones((1, 8, 1, 1), np.float32)
    )
    results["all"], results["all_diffs"] = both["mean"], diffs["conv1"]
    np.savez(out, **results)


if __name__ == "__main__":
    main(sys.argv[1])
