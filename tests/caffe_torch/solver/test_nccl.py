"""Programs that start their own training processes, as pycaffe's train.py does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import caffe_torch as caffe

PYTHON = str(Path(__file__).resolve().parents[3] / "python")
NET = """
layer { name: "x" type: "Input" top: "x" top: "y"
        input_param { shape { dim: BATCH dim: 3 } shape { dim: BATCH dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 0.5 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "y" top: "loss" }
"""
PROGRAM = """
import sys
from multiprocessing import Process

import caffe
import numpy as np


def data(rank, count):
    x = np.random.RandomState(0).standard_normal((8, 3)).astype(np.float32)
    share = slice(rank * 8 // count, (rank + 1) * 8 // count)
    return x[share], np.tanh(x[share, :2])


def solve(rank, count, uid, joined):
    caffe.set_mode_cpu()
    caffe.set_solver_count(count)
    caffe.set_solver_rank(rank)
    caffe.set_multiprocess(True)
    assert (caffe.solver_rank(), caffe.solver_count()) == (rank, count)
    solver = caffe.SGDSolver("solver%d.prototxt" % count)
    if count == 1 or rank == 0:
        solver.net.params["fc"][0].data[...] = np.arange(6).reshape(2, 3) * 0.1
    if count > 1:
        nccl = caffe.NCCL(solver, uid)
        nccl.bcast()
        if joined:
            solver.add_callback(nccl)
            solver.net.after_backward(nccl)
    solver.net.blobs["x"].data[...], solver.net.blobs["y"].data[...] = data(rank, count)
    solver.step(5)
    name = "%d-%d-%d.npy" % (count, rank, joined)
    np.save(name, np.concatenate([p.data.ravel() for p in solver.net.params["fc"]]))


def start(count, joined):
    uid = caffe.NCCL.new_uid()
    processes = [Process(target=solve, args=(rank, count, uid, joined)) for rank in range(count)]
    for process in processes:
        process.daemon = True
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


if __name__ == "__main__":
    for count, joined in ((1, True), (2, True), (2, False)):
        start(count, joined)
"""


def test_two_processes_of_a_program_learn_what_one_does_with_twice_the_batch(tmp_path):
    for count in (1, 2):
        (tmp_path / f"net{count}.prototxt").write_text(NET.replace("BATCH", str(8 // count)))
        (tmp_path / f"solver{count}.prototxt").write_text(
            f'net: "net{count}.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 random_seed: 3'
        )
    (tmp_path / "program.py").write_text(PROGRAM)
    env = {**os.environ, "PYTHONPATH": PYTHON, "GLOG_minloglevel": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", "program.py"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    alone, first, second, apart, other = (
        np.load(tmp_path / f"{name}.npy") for name in ("1-0-1", "2-0-1", "2-1-1", "2-0-0", "2-1-0")
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, alone, rtol=1e-5, atol=1e-6)
    # Without the callback each goes its own way, as with the original.
    assert np.abs(apart - other).max() > 1e-3


def test_names_of_multi_gpu_programs():
    uid = caffe.NCCL.new_uid()
    assert caffe.has_nccl() and isinstance(uid, bytes)
    os.unlink(uid.decode().removeprefix("file://"))
    assert (caffe.solver_rank(), caffe.solver_count()) == (0, 1)
