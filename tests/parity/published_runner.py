"""Run one published net under whichever engine this interpreter has; NumPy and a caffe only, Python 3.6 and newer.

    python published_runner.py case.json RESULTS.npz [MODULE]

Every parameter is drawn so that activations keep their scale; every blob's data and diff and every parameter's gradient
is written. What is drawn depends on names and shapes alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import zlib

import numpy as np


def draw(name, shape, scale):
    random = np.random.RandomState(zlib.crc32(name.encode()))
    return np.asarray(random.standard_normal(shape) * scale, np.float32)


def fill(net):
    for layer, kind in zip(net._layer_names, net.layers):
        for i in range(len(kind.blobs)):
            blob = kind.blobs[i]
            name = layer + "/" + str(i)
            if kind.type == "BatchNorm":
                values = [draw(name, blob.data.shape, 0.1), 0.5 + abs(draw(name, blob.data.shape, 1)), 1.0][i]
            elif len(blob.data.shape) < 2 or i > 0:
                values = draw(name, blob.data.shape, 0.1)
            else:
                inputs = int(np.prod(blob.data.shape[1:]))
                values = draw(name, blob.data.shape, np.sqrt(2.0 / inputs))
            blob.data[...] = values
            blob.diff[...] = 0


def run_at(net, activations):
    """Forward once more, each layer from the given data of its bottoms; in-place layers here bear their own results."""
    names = list(net.blobs)

    def give(layer):
        for i in net._bottom_ids(layer):
            net.blobs[names[i]].data[...] = activations["data/" + names[i]]

    net.before_forward(give)
    net.forward()


def run(caffe, case, activations=None):
    """Data of all blobs from a forward, then diffs and gradients, at ``activations`` where they are given."""
    handle, path = tempfile.mkstemp(suffix=".prototxt")
    with os.fdopen(handle, "w") as file:
        file.write(case["prototxt"])
    net = caffe.Net(path, caffe.TEST if case["phase"] == 1 else caffe.TRAIN)
    os.unlink(path)
    fill(net)
    for name in net.inputs:
        blob = net.blobs[name]
        if len(blob.data.shape) == 1:
            blob.data[...] = np.random.RandomState(1).randint(0, case["classes"], blob.data.shape)
        else:
            values = draw(name, blob.data.shape, 1.0)
            # An autoencoder's own input is its target, a chance between 0 and 1.
            blob.data[...] = values if case["classes"] or "label" in name else 1 / (1 + np.exp(-values))
    net.forward()
    results = {"data/" + name: net.blobs[name].data.copy() for name in net.blobs}
    if activations is not None:
        run_at(net, activations)
    if not any(net.blob_loss_weights.values()):
        for name in net.outputs:
            net.blobs[name].diff[...] = draw("diff of " + name, net.blobs[name].diff.shape, 1.0)
    net.backward()
    for name in net.blobs:
        results["diff/" + name] = net.blobs[name].diff
    for name in net.params:
        for i in range(len(net.params[name])):
            results["gradient/" + name + "/" + str(i)] = net.params[name][i].diff
    return results


def main(case_path, results, module="caffe"):
    caffe = importlib.import_module(module)
    caffe.set_mode_cpu()
    with open(case_path) as file:
        case = json.load(file)
    np.savez(results, **run(caffe, case))


if __name__ == "__main__":
    main(*sys.argv[1:])
