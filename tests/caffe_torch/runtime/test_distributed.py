"""Two processes match one with the batch twice as large, LMDB input and Python loss layer included."""

import subprocess
import sys
from pathlib import Path

import lmdb
import numpy as np

from caffe_torch.files import wire
from caffe_torch.proto import caffe_pb2

PYTHON = Path(__file__).resolve().parents[3] / "python"
PARAM = '{"groups": ["a", "b"], "gamma": [1.0, 0.3]}'
NET = """
layer {{ name: "data" type: "Data" top: "data" transform_param {{ scale: 0.01 }}
  data_param {{ source: "{images}" backend: LMDB batch_size: {batch} }} }}
layer {{ name: "label" type: "Data" top: "label"
  data_param {{ source: "{labels}" backend: LMDB batch_size: {batch} }} }}
layer {{ name: "a" type: "InnerProduct" bottom: "data" top: "a"
  inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "b" type: "InnerProduct" bottom: "data" top: "b"
  inner_product_param {{ num_output: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "Python" bottom: "a" bottom: "b" bottom: "label" top: "loss" loss_weight: 1
  python_param {{ module: "multiweight.layers.multi_weight_loss" layer: "MultiWeightLossLayer"
  param_str: '{param}' }} }}"""
TRAIN = "import sys, caffe_torch as caffe; s = caffe.SGDSolver(sys.argv[1]); s.step(5); s.snapshot()"


def database(path, arrays):
    with lmdb.open(str(path), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i, a in enumerate(arrays):
            datum = caffe_pb2.Datum(channels=a.shape[0], height=a.shape[1], width=a.shape[2], data=a.tobytes())
            writer.put(b"%08d" % i, datum.SerializeToString())


def train(folder, processes, batch):
    root = folder.parent
    folder.mkdir()
    net = NET.format(images=root / "images", labels=root / "labels", batch=batch, param=PARAM)
    (folder / "net.prototxt").write_text(net)
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 random_seed: 1 '
        f'snapshot_prefix: "{folder}/s"'
    )
    (folder / "train.py").write_text(TRAIN)
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    done = subprocess.run(
        [sys.executable, *launch, str(folder / "train.py"), str(folder / "solver.prototxt")],
        capture_output=True,
        text=True,
        timeout=200,
        env={"PYTHONPATH": str(PYTHON), "OMP_NUM_THREADS": "1", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return wire.read_net(folder / "s_iter_5.caffemodel")


def test_two_processes_match_one_of_twice_the_batch(tmp_path):
    rng = np.random.default_rng(0)
    database(tmp_path / "images", rng.integers(0, 256, (12, 1, 3, 3), dtype=np.uint8))
    database(tmp_path / "labels", rng.integers(0, 2, (12, 3, 1, 1), dtype=np.uint8))
    by_one = train(tmp_path / "one", 1, 4)
    by_two = train(tmp_path / "two", 2, 2)
    for name in ("a", "b"):
        for x, y in zip(by_one[name], by_two[name]):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)
