"""Trainings on the emulated accelerator: the four nets with each loss, test nets, iter_size, snapshots, resumes.

The solver types, clip_gradients, iter_size and L1 one by one: tests/caffe_torch/solver/test_device_updates.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import emulated_accelerator as emulated
import numpy as np
import pytest
import small_training
from devices import assert_same, on_the_device, parameters
from four_nets import NETS, trained

import caffe_torch as caffe
import small_nets
from caffe_torch.files import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "caffe_torch"))
import commands  # noqa: E402


@pytest.mark.parametrize("loss", ["builtin", "python"])
@pytest.mark.parametrize("name", NETS)
def test_the_four_nets(tmp_path, name, loss):
    head, gamma = NETS[name]
    expected = trained(tmp_path / "cpu", head, gamma, loss)
    with on_the_device() as counts:
        result = trained(tmp_path / "device", head, gamma, loss)
        assert counts.kernels_of() > 100
    assert_same(result, expected, 2e-4)


def test_iter_size_and_clipped_gradients_of_a_whole_net(tmp_path):
    more = "iter_size: 2 clip_gradients: 0.5"
    expected = trained(tmp_path / "cpu", "multi_weight", small_nets.GAMMA, "python", more)
    with on_the_device():
        result = trained(tmp_path / "device", "multi_weight", small_nets.GAMMA, "python", more)
    assert_same(result, expected, 2e-4)


@pytest.fixture
def training(tmp_path, monkeypatch) -> Path:
    """Everything that draws or remembers: data in LMDB and HDF5, noise, dropout, an LSTM, a Python layer mid-net."""
    folder = commands.write(tmp_path / "t", "max_iter: 8 snapshot: 4 display: 2")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "drawing_layer", raising=False)
    return folder


def test_a_resumed_training_ends_with_the_very_same_weights(training):
    with on_the_device():
        solver = caffe.get_solver("solver.prototxt")
        solver.step(8)
        straight = parameters(solver.net)
        again = caffe.get_solver("solver.prototxt")
        again.restore("s_iter_4.solverstate")
        assert not any(np.array_equal(array, straight[name]) for name, array in parameters(again.net).items())
        again.step(4)
        resumed = parameters(again.net)
    for name, array in straight.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


def test_a_snapshot_of_one_is_the_other_s(training):
    """Written on the device, read on the CPU, weights and history; and the other way round."""
    with on_the_device():
        there = caffe.get_solver("solver.prototxt")
        there.step(4)
        weights = parameters(there.net)
    stored = wire.read_net("s_iter_4.caffemodel")
    assert all(
        np.array_equal(array, weights[f"{n}/{i}"]) for n, arrays in stored.items() for i, array in enumerate(arrays)
    )
    here = caffe.get_solver("solver.prototxt")
    here.restore("s_iter_4.solverstate")
    for name, array in parameters(here.net).items():
        np.testing.assert_array_equal(array, weights[name])
    here.step(1)
    here.snapshot()
    with on_the_device():
        back = caffe.get_solver("solver.prototxt")
        back.restore("s_iter_5.solverstate")
        assert back.iter == 5 and not any(h.isnan().any() for h in back.updates.history[0])
        for name, array in parameters(back.net).items():
            np.testing.assert_array_equal(array, parameters(here.net)[name])
        back.step(1)


TESTED = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "y" type: "Input" top: "y" input_param { shape { dim: 4 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 2
  weight_filler { type: "gaussian" std: 0.5 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "y" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "y" top: "accuracy" include { phase: TEST } }
"""


def test_test_nets_see_the_weights_of_now(tmp_path):
    (tmp_path / "net.prototxt").write_text(TESTED)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.5 lr_policy: "fixed" test_iter: 2 test_interval: 2 display: 0 '
        "random_seed: 1 max_iter: 4 snapshot_after_train: false"
    )

    def scores() -> list[float]:
        solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
        for net in (solver.net, *solver.test_nets):
            net.blobs["x"].data[...] = np.random.default_rng(1).standard_normal((4, 3))
            net.blobs["y"].data[...] = [0, 1, 1, 0]
        result = []
        for _ in range(3):
            result += [float(value) for value in solver.test().values()]
            solver.step(2)
        solver.solve()
        return result

    expected = scores()
    with on_the_device():
        result = scores()
    assert expected[1] > expected[3] > expected[5], "each test has a smaller loss"
    np.testing.assert_allclose(result, expected, rtol=1e-5)


NUMPY_LOSS = """import caffe
import numpy as np


class Loss(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        wanted = np.eye(4, dtype=np.float32)[bottom[1].data.astype(int)]
        self.difference = bottom[0].data - wanted
        top[0].data[0] = np.square(self.difference).sum()

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = 2 * self.difference * top[0].diff[0]
"""


def test_labels_that_numpy_alone_reads_stay_on_the_host(tmp_path, monkeypatch):
    """Behind Data layers a loss in NumPy brings its gradient up and the outputs down, and the labels nowhere."""
    small_training.write(tmp_path, 'base_lr: 0.001 lr_policy: "fixed" display: 0 max_iter: 99 random_seed: 1')
    (tmp_path / "numpy_squares.py").write_text(NUMPY_LOSS)
    net = small_training.NET.split('layer { name: "loss"')[0] + (
        'layer { name: "loss" type: "Python" bottom: "fc" bottom: "label" top: "loss" loss_weight: 1 '
        'python_param { module: "numpy_squares" layer: "Loss" } }'
    )
    (tmp_path / "net.prototxt").write_text(net)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def weights() -> tuple[dict[str, np.ndarray], int, int]:
        solver = caffe.get_solver("solver.prototxt")
        solver.net.copy_from("first.caffemodel")
        solver.step(12)
        emulated.counts.clear()
        solver.step(20)
        uploads, downloads = emulated.counts.uploads.total(), emulated.counts.downloads.total()
        return parameters(solver.net), uploads, downloads

    expected, _, _ = weights()
    with on_the_device():
        result, uploads, downloads = weights()
    ahead = 5  # batches of images that are ready, at most, before and after
    assert 40 - ahead <= uploads <= 40 + ahead, "images and a gradient"
    assert downloads == 20
    assert_same(result, expected)


def test_data_layers_upload_a_batch_a_top_and_nothing_else(tmp_path, monkeypatch):
    """Images and labels from an LMDB, read ahead by other threads; no step waits for the device."""
    small_training.write(tmp_path, 'base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 display: 0 max_iter: 99')
    monkeypatch.chdir(tmp_path)
    with on_the_device() as counts:
        solver = caffe.get_solver("solver.prototxt")
        solver.step(3)
        counts.clear()
        solver.step(20)
        ahead = 2 * 5  # batches that are ready, at most, before and after
        assert 40 - ahead <= counts.uploads.total() <= 40 + ahead
        assert counts.downloads.total() == counts.waits.total() == 0
