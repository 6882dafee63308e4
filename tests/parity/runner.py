"""Run parity cases under whichever engine this interpreter has; NumPy and a caffe only, Python 3.6 and newer.

    python runner.py cases.json OUT_DIR [MODULE]

writes OUT_DIR/<case>.npz for every case, one after the other, so that an abort leaves those before it. MODULE is the
name of the pycaffe module, ``caffe`` by default. What it fills in depends on the case's seed and on names alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import zlib

import numpy as np


def values(kind, shape, seed, name):
    """The array of one blob: ``kind`` is ["normal", scale], ["int", n], ["uniform", low, high], ["round", scale] or
    ["values", list]."""
    random = np.random.RandomState((seed + zlib.crc32(name.encode())) % (2**32))
    if kind[0] == "normal":
        array = random.standard_normal(shape) * kind[1]
    elif kind[0] == "round":  # many equal values
        array = np.round(random.standard_normal(shape) * kind[1])
    elif kind[0] == "int":
        array = random.randint(0, kind[1], shape)
    elif kind[0] == "uniform":
        array = random.uniform(kind[1], kind[2], shape)
    elif kind[0] == "values":
        array = np.resize(np.array(kind[1], np.float32), shape)
    else:
        raise ValueError("unknown kind of values: " + repr(kind))
    return np.asarray(array, np.float32)


def run(caffe, case):
    """Tops, gradients of bottoms and parameters, and the parameters, by name."""
    handle, path = tempfile.mkstemp(suffix=".prototxt")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(case["prototxt"])
        net = caffe.Net(path, caffe.TEST if case["phase"] == "TEST" else caffe.TRAIN)
    finally:
        os.unlink(path)
    fills = case["fills"]
    for layer in net.params:
        for i in range(len(net.params[layer])):
            blob = net.params[layer][i]
            name = layer + "/" + str(i)
            kind = fills.get(name) or fills.get(layer) or ["normal", 0.5]
            blob.data[...] = values(kind, blob.data.shape, case["seed"], name)
            blob.diff[...] = 0
    for name in case["inputs"]:
        if name in net.params:  # a Parameter layer, whose top becomes its blob in the first forward
            continue
        blob = net.blobs[name]
        blob.data[...] = values(fills.get(name, ["normal", 1.0]), blob.data.shape, case["seed"], name)
    for _ in range(case["forwards"]):
        net.forward()
    results = {"top/" + name: net.blobs[name].data.copy() for name in case["tops"]}
    if case["backward"]:
        if not case["loss"]:
            for name in case["tops"]:
                blob = net.blobs[name]
                blob.diff[...] = values(["normal", 1.0], blob.diff.shape, case["seed"], "diff of " + name)
        net.backward()
        for name in case["gradients"]:
            results["diff/" + name] = net.blobs[name].diff.copy()
        for layer in net.params:
            for i in range(len(net.params[layer])):
                results["param_diff/" + layer + "/" + str(i)] = net.params[layer][i].diff.copy()
    for layer in net.params:
        for i in range(len(net.params[layer])):
            results["param/" + layer + "/" + str(i)] = net.params[layer][i].data.copy()
    return results


def main(cases_path, out, module="caffe"):
    caffe = importlib.import_module(module)
    caffe.set_mode_cpu()
    with open(cases_path) as file:
        cases = json.load(file)
    for case in cases:
        print(case["name"], flush=True)
        results = run(caffe, case)
        partial = os.path.join(out, "partial.npz")
        np.savez(partial, **results)
        os.rename(partial, os.path.join(out, case["name"] + ".npz"))


if __name__ == "__main__":
    main(*sys.argv[1:])
