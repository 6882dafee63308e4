"""Run caffe-torch in a process of its own, on a folder with a small training in it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import lmdb
import numpy as np

from caffe_torch.proto import caffe_pb2

PYTHON = Path(__file__).resolve().parents[2] / "python"

#: Everything that draws or remembers: crops and mirrors, shuffles, noise, dropout, a recurrent state, a Python layer.
NET = """name: "everything"
layer { name: "images" type: "Data" top: "image" top: "label" transform_param { crop_size: 6 mirror: true scale: 0.01 }
  data_param { source: "images" backend: LMDB batch_size: 4 rand_skip: 3 } }
layer { name: "rows" type: "HDF5Data" top: "row" hdf5_data_param { source: "rows.txt" batch_size: 4 shuffle: true } }
layer { name: "noise" type: "DummyData" top: "noise"
  dummy_data_param { shape { dim: 4 dim: 3 } data_filler { type: "gaussian" } } }
layer { name: "fromnumpy" type: "Python" bottom: "noise" top: "drawn"
  python_param { module: "drawing_layer" layer: "Drawing" } }
layer { name: "flat" type: "Flatten" bottom: "image" top: "flat" }
layer { name: "all" type: "Concat" bottom: "flat" bottom: "row" bottom: "drawn" top: "all" }
layer { name: "fc1" type: "InnerProduct" bottom: "all" top: "fc1"
  inner_product_param { num_output: 400 weight_filler { type: "xavier" } } }
layer { name: "drop" type: "Dropout" bottom: "fc1" top: "fc1" }
layer { name: "sequence" type: "Reshape" bottom: "fc1" top: "sequence"
  reshape_param { shape { dim: 2 dim: 2 dim: -1 } } }
layer { name: "cont" type: "DummyData" top: "cont"
  dummy_data_param { shape { dim: 2 dim: 2 } data_filler { value: 1 } } }
layer { name: "lstm" type: "LSTM" bottom: "sequence" bottom: "cont" top: "lstm"
  recurrent_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "back" type: "Reshape" bottom: "lstm" top: "back" reshape_param { shape { dim: 4 dim: 5 } } }
layer { name: "fc2" type: "InnerProduct" bottom: "back" top: "fc2"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" top: "loss" }
"""

DRAWING = """import random

import caffe
import numpy as np


class Drawing(caffe.Layer):
    def setup(self, bottom, top):
        np.random.seed(4)
        random.seed(4)
        self.mean, self.count = np.zeros(3, np.float32), 0

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        self.mean, self.count = self.mean / 2 + bottom[0].data.mean(axis=0), self.count + 1
        noise = np.random.uniform(size=bottom[0].data.shape) * random.gauss(1, 0.1)
        top[0].data[...] = bottom[0].data + noise + self.mean + self.count

    def backward(self, top, propagate_down, bottom):
        pass

    def state_dict(self):
        return {"mean": self.mean, "count": self.count}

    def load_state_dict(self, state):
        self.mean, self.count = state["mean"], state["count"]
"""


def write(folder: Path, solver: str) -> Path:
    """The training's files in ``folder``, all paths relative to it; ``solver`` are settings of the solver."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    with lmdb.open(str(folder / "images"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i in range(13):
            image = rng.integers(0, 256, (3, 8, 9), dtype=np.uint8)
            datum = caffe_pb2.Datum(channels=3, height=8, width=9, data=image.tobytes(), label=i % 3)
            writer.put(b"%08d" % i, datum.SerializeToString())
    for i, rows in enumerate((5, 7)):
        with h5py.File(folder / f"rows{i}.h5", "w") as store:
            store["row"] = rng.standard_normal((rows, 6)).astype(np.float32)
    (folder / "rows.txt").write_text("rows0.h5\nrows1.h5\n")
    (folder / "drawing_layer.py").write_text(DRAWING)
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(
        'net: "net.prototxt" snapshot_prefix: "s" base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 random_seed: 3 '
        + solver
    )
    return folder


def _descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in files for child in file.read_text().split()]
    return [*children, *(descendant for child in children for descendant in _descendants(child))]


class Command:
    """A running caffe-torch; its log gathers in the file ``log`` of the folder."""

    def __init__(self, folder: Path, *words: str, launch: tuple[str, ...] = ("-m", "caffe_torch")):
        self.folder, self._log = folder, folder / "log"
        with open(self._log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *launch, *words],
                cwd=folder, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "PYTHONPATH": f"{PYTHON}:{folder}", "OMP_NUM_THREADS": "1"},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str, timeout: float = 60) -> None:
        """Until the log holds ``text``."""
        end = time.monotonic() + timeout
        while text not in self.log:
            assert self.process.poll() is None, f"ended before {text!r}: {self.log[-3000:]}"
            if time.monotonic() > end:
                self.kill()  # else it would take processor time from every later test
                raise AssertionError(f"no {text!r} in {timeout} s: {self.log[-3000:]}")
            time.sleep(0.005)

    def end(self, status: int = 0, timeout: float = 100) -> str:
        """Its log, once it has ended with ``status``."""
        try:
            found = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not ended in {timeout} s: {self.log[-3000:]}") from None
        assert found == status, self.log[-3000:]
        return self.log

    def kill(self) -> None:
        """kill -9, all of its processes: torchrun's workers lead sessions of their own, and would train on."""
        for pid in [self.process.pid, *_descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()
