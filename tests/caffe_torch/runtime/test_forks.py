"""A program that forks after a forward: its children compute, and read on where it was."""

import os
import subprocess
import sys

import lmdb
import pytest
import unchecked

from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import device
from commands import PYTHON

PROGRAM = """
import multiprocessing, os, sys
import numpy as np
import caffe_torch as caffe

NET = '''
layer { name: "d" type: "Data" top: "d" top: "l" data_param { source: "db" backend: LMDB batch_size: 2 } }
layer { name: "c" type: "Convolution" bottom: "d" top: "c" convolution_param { num_output: 16 kernel_size: 5
        weight_filler { type: "xavier" } } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "n" type: "LRN" bottom: "c" top: "n" }
layer { name: "p" type: "Pooling" bottom: "n" top: "p" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "p" top: "fc" inner_product_param { num_output: 8
        weight_filler { type: "xavier" } } }
layer { name: "loss" type: "Reduction" bottom: "fc" top: "loss" loss_weight: 1 }
'''
open("net.prototxt", "w").write(NET)

def train(net, steps):
    found = []
    for _ in range(steps):
        net.forward()
        net.backward()
        found.append((net.blobs["l"].data.tolist(), float(net.blobs["loss"].data)))
    return found

net = caffe.Net("net.prototxt", caffe.TRAIN)
first = train(net, 1)

def child(kind):
    if kind == "old":
        return train(net, 3)
    made = caffe.Net("net.prototxt", caffe.TRAIN)
    for name in net.params:
        for own, given in zip(made.params[name], net.params[name]):
            own.data[...] = given.data
    return train(made, 4)

with multiprocessing.get_context("fork").Pool(2) as pool:
    old, new = pool.map(child, ["old", "new"])
rest = train(net, 3)
labels = [row[0] for row in first + rest]
assert labels == [[0, 1], [2, 3], [4, 0], [1, 2]], labels
for found in (first + old, new):
    assert [row[0] for row in found] == labels
    np.testing.assert_allclose([row[1] for row in found], [row[1] for row in first + rest], rtol=1e-5)
pid = os.fork()
if pid == 0:  # a plain fork, whose end is Python's own
    train(net, 1)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
train(net, 1)
print("both went on")
"""


@unchecked.unless(hasattr(os, "fork"), "children of a process that has run a net", "this system has no fork")
def test_children_compute_and_read_on(tmp_path):
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i in range(5):
            datum = caffe_pb2.Datum(channels=3, height=40, width=40, data=bytes([i]) * 4800, label=i)
            writer.put(b"%d" % i, datum.SerializeToString())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(PYTHON), "GLOG_minloglevel": "2"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == "both went on\n", done.stderr


def test_a_gpu_is_not_inherited_and_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(device, "_gpu_lost", True)
    assert device.current().type == "cpu"
    monkeypatch.setattr(device, "_device", device.torch.device("meta"))
    with pytest.raises(device.CaffeError, match="forked from one that had used the GPU.*spawn"):
        device.current()
