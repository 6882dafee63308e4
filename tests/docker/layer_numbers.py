# ruff: noqa: UP004, UP010, UP031
"""What the loss layers compute on fixed numbers, as JSON on standard output: Python 2.7 and newer, NumPy alone.

    python layer_numbers.py PACKAGE_FOLDER

PACKAGE_FOLDER holds the package multiweight. Stands in for pycaffe where there is none: a base class and plain blobs.
"""

from __future__ import print_function

import json
import sys
import types

import numpy as np


class Blobs(list):
    def add_blob(self, *shape):
        self.append(Blob(np.zeros(shape)))


class Blob(object):
    def __init__(self, data):
        self.data = np.array(data, np.float32)
        self.diff = np.zeros_like(self.data)

    @property
    def shape(self):
        return self.data.shape

    def reshape(self, *shape):
        if self.data.shape != shape:
            self.data, self.diff = np.zeros(shape, np.float32), np.zeros(shape, np.float32)


def main(folder):
    stand_in = types.ModuleType("caffe")
    stand_in.Layer = object
    sys.modules["caffe"] = stand_in
    sys.path.insert(0, folder)
    from multiweight.layers.dwa_loss import DwaLossLayer
    from multiweight.layers.multi_weight_loss import MultiWeightLossLayer
    from multiweight.layers.uncertainty_loss import UncertaintyLossLayer

    random = np.random.RandomState(7)
    sizes, gamma = [4, 1, 9], [1.0, 0.3120, 0.0002]
    bottom = [Blob(random.normal(0, 4, (6, size))) for size in sizes]
    bottom.append(Blob(random.randint(0, 2, (6, sum(sizes), 1, 1))))
    top = [Blob(np.zeros(1)) for _ in range(len(sizes) + 1)]
    layer = MultiWeightLossLayer()
    layer.param_str = json.dumps({"groups": ["Color", "Coat", "L\u00e4nge"], "gamma": gamma})
    layer.setup(bottom, top)
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    for weight, blob in zip([1, 0, 0.5, 0], top):
        blob.diff[...] = weight
    layer.backward(top, [True, True, True, False], bottom)
    changing = {}
    for cls, objective in ((UncertaintyLossLayer, {"name": "focal"}), (DwaLossLayer, {"name": "asymmetric"})):
        learned_layer = cls()
        learned_layer.blobs = Blobs()
        values = {"groups": ["Color", "Coat", "Waist"], "gamma": gamma, "objective": objective}
        learned_layer.param_str = json.dumps(dict(values, window=1) if cls is DwaLossLayer else values)
        learned_layer.setup(bottom, top)
        learned_layer.reshape(bottom, top)
        for _ in range(3):
            learned_layer.forward(bottom, top)
            learned_layer.backward(top, [True, True, True, False], bottom)
        result = [blob.data.tolist() for blob in learned_layer.blobs] + [learned_layer.blobs[0].diff.tolist()]
        changing[cls.__name__] = [float(top[0].data[0]), result, [blob.diff.tolist() for blob in bottom[:3]]]
    error_messages = {}
    for name, gammas in (("negative", [1.0, -1.0, 1.0]), ("count", [1.0])):
        layer.param_str = json.dumps({"groups": ["Color", "Coat", "Length"], "gamma": gammas})
        try:
            layer.setup(bottom, top)
        except ValueError as error:
            error_messages[name] = str(error)
    numbers = {
        "python": "%d.%d" % sys.version_info[:2],
        "numpy": np.__version__,
        "tops": [float(blob.data[0]) for blob in top],
        "diffs": [blob.diff.tolist() for blob in bottom],
        "errors": error_messages,
        "changing": changing,
    }
    print(json.dumps(numbers))


if __name__ == "__main__":
    main(sys.argv[1])
