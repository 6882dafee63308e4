"""Run nets in the OpenCV of this interpreter, from Caffe's files or from ONNX; NumPy and cv2 only.

    python opencv_nets.py FOLDER [FIRST]

FOLDER/jobs.json is a list of jobs, of which those from number FIRST on run. Of every job FOLDER/NAME.opencv.npz holds
the outputs, or NAME.opencv.error what was said. Standard output has a line as each job begins, so that whoever started
this knows which one ended the process.
"""

from __future__ import annotations

import json
import os
import sys

import cv2
import numpy as np


def run(folder, job):
    """The outputs of one job by blob."""
    if job["reader"] == "caffe":
        net = cv2.dnn.readNetFromCaffe(os.path.join(folder, job["prototxt"]), os.path.join(folder, job["weights"]))
    else:
        net = cv2.dnn.readNetFromONNX(os.path.join(folder, job["model"]))
    with np.load(os.path.join(folder, job["inputs"])) as inputs:
        for name in inputs.files:
            net.setInput(inputs[name], name)
    if job["reader"] == "onnx":
        names = list(net.getUnconnectedOutLayersNames())
        values = net.forward(names)
        # OpenCV gives the outputs in the order of the file's.
        return dict(zip(job["outputs"], values))
    # Of Caffe's nets it gives a layer's tops together, under the layer's name, or a convolution's under its top's.
    known = net.getLayerNames()
    names = [layer if layer in known else blob for blob, (layer, _) in job["layers"].items()]
    result = net.forwardAndRetrieve(names)
    return {blob: values[top] for (blob, (_, top)), values in zip(job["layers"].items(), result)}


def main(folder, first="0"):
    cv2.setNumThreads(1)
    with open(os.path.join(folder, "jobs.json")) as file:
        jobs = json.load(file)
    for number in range(int(first), len(jobs)):
        job = jobs[number]
        print(number, flush=True)
        place = os.path.join(folder, job["name"] + ".opencv")
        try:
            results = run(folder, job)
        except Exception as error:
            with open(place + ".error", "w") as file:
                file.write(" ".join(str(error).split())[:300])
            continue
        np.savez(place + ".npz", **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
