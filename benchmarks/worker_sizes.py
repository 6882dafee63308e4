#!/usr/bin/env python3
"""One pycaffe engine with a small fully convolutional net, for images of any size; Python 3.6 and newer.

    python worker_sizes.py MODULE FOLDER

Answers each line "WHAT TIMES" of standard input with its process number, after "ready" or "begin" (nothing),
"largest" (an image of 256 x 256, twice) or "others" (TIMES images of other sizes).
"""

import importlib
import json
import os
import random
import sys

LARGEST = 256
NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "c1" type: "Convolution" bottom: "x" top: "c1"
        convolution_param { num_output: 32 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "p1" type: "Pooling" bottom: "c1" top: "p1" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "c2" type: "Convolution" bottom: "p1" top: "c2"
        convolution_param { num_output: 64 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "r2" type: "ReLU" bottom: "c2" top: "c2" }
layer { name: "n2" type: "LRN" bottom: "c2" top: "n2" }
layer { name: "p2" type: "Pooling" bottom: "n2" top: "p2" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "c3" type: "Convolution" bottom: "p2" top: "c3"
        convolution_param { num_output: 64 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "up" type: "Deconvolution" bottom: "c3" top: "up"
        convolution_param { num_output: 4 kernel_size: 4 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "s" type: "Softmax" bottom: "up" top: "s" }
"""


def main(module, folder):
    caffe = importlib.import_module(module)
    path = os.path.join(folder, "net.prototxt")
    with open(path, "w") as file:
        file.write(NET)
    net = caffe.Net(path, caffe.TEST)
    sizes = random.Random(1)

    def forward(height, width):
        net.blobs["x"].reshape(1, 3, height, width)
        net.blobs["x"].data[...] = 1
        net.forward()

    for line in sys.stdin:
        what, times = line.split()
        if what == "largest":
            forward(LARGEST, LARGEST)
            forward(LARGEST, LARGEST)
        elif what == "others":
            for _ in range(int(times)):
                forward(sizes.randint(24, LARGEST), sizes.randint(24, LARGEST))
        print(json.dumps(os.getpid()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
