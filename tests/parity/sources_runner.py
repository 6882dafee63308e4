"""Forward nets that read files, under whichever engine this interpreter has: python sources_runner.py IN.json OUT.npz.

Python 3.6 and newer, NumPy and a caffe only. Each case gives every top of every forward.
"""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np


def run(caffe, cases):
    caffe.set_mode_cpu()
    results = {}
    for case in cases:
        net = caffe.Net(case["prototxt"], caffe.TEST if case["phase"] == "TEST" else caffe.TRAIN)
        if case["memory"]:
            data = np.arange(np.prod(case["memory"]), dtype=np.float32).reshape(case["memory"])
            net.set_input_arrays(data, np.arange(len(data), dtype=np.float32))
        for i in range(case["forwards"]):
            net.forward()
            for top in case["tops"]:
                results["{}/{}/{}".format(case["name"], i, top)] = net.blobs[top].data.copy()
        del net
    return results


def main(path, out, module="caffe"):
    with open(path) as file:
        cases = json.load(file)
    np.savez(out, **run(importlib.import_module(module), cases))


if __name__ == "__main__":
    main(*sys.argv[1:])
