"""One pycaffe engine that does what its standard input says; Python 3.6 and newer, NumPy and a caffe only.

    python worker_caffe.py MODULE SOLVER [gpu]

Answers each line "WHAT TIMES" with one line of JSON: seconds, or for "peak" the process's peak memory in MiB.
"""

import importlib
import json
import resource
import sys
import time

import numpy as np


def peak():
    """MiB that this process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2.0**20 if sys.platform == "darwin" else 1024.0)


def serve(actions, synchronize=lambda: None):
    """Answer standard input: ``actions`` are functions by name."""
    for line in sys.stdin:
        what, times = line.split()
        if what == "peak":
            answer = peak()
        elif what == "ready":
            answer = True
        else:
            begun = time.perf_counter()
            for _ in range(int(times)):
                actions[what]()
            synchronize()
            answer = time.perf_counter() - begun
        print(json.dumps(answer), flush=True)


def main(module, solver_path, mode="cpu"):
    caffe = importlib.import_module(module)
    synchronize = lambda: None  # noqa: E731
    if mode == "gpu":
        caffe.set_mode_gpu()
        synchronize = importlib.import_module(module + ".runtime.device").synchronize
    else:
        caffe.set_mode_cpu()
    solver = caffe.get_solver(solver_path)
    net = solver.net
    random = np.random.default_rng(1)
    if "data" in net.inputs:
        blob = net.blobs["data"].data
        for image in blob:
            image[...] = random.standard_normal(image.shape, dtype=np.float32) * 50
        net.blobs["label"].data[...] = random.integers(0, 2, net.blobs["label"].data.shape)
        del blob, image
    last = len(net.layers) - 1
    serve({"step": lambda: solver.step(1), "forward": lambda: net._forward(0, last)}, synchronize)


if __name__ == "__main__":
    main(*sys.argv[1:])
