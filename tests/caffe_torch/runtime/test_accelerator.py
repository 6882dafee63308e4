"""GPU mode on whichever accelerator PyTorch reports, here an emulated one: the CPU's numbers, computed there."""

from __future__ import annotations

from pathlib import Path

import emulated_accelerator as emulated
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch.errors import CaffeError
from caffe_torch.runtime import accelerator, device

NET = """
layer { name: "data" type: "DummyData" top: "x" top: "labels" dummy_data_param {
  shape { dim: 4 dim: 3 dim: 16 dim: 16 } shape { dim: 4 dim: 5 }
  data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv" convolution_param { num_output: 6 kernel_size: 3
  weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 5
  weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "loss" type: "SigmoidCrossEntropyLoss" bottom: "fc" bottom: "labels" top: "loss" }
"""


@pytest.fixture(autouse=True)
def cpu_again():
    yield
    caffe.set_mode_cpu()
    caffe.set_device(0)


def trained(folder: Path, steps: int = 3, **settings: object) -> tuple[float, list[np.ndarray]]:
    """The last loss, and the weights after ``steps`` of SGD with clipped gradients."""
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 '
        f'clip_gradients: 1 snapshot_prefix: "{folder}/s" random_seed: 1 max_iter: 100 display: 0'
    )
    solver = caffe.SGDSolver(str(folder / "solver.prototxt"))
    solver.step(steps)
    weights = [blob.data.copy() for blobs in solver.net.params.values() for blob in blobs]
    return float(solver.net.blobs["loss"].data), weights


def test_gpu_mode_is_what_torch_accelerator_reports(tmp_path):
    loss, weights = trained(tmp_path)
    with emulated.present() as there:
        caffe.set_mode_gpu()
        assert device.current() == there
        same_loss, same_weights = trained(tmp_path)
        assert emulated.counts.kernels_of() > 100
        caffe.set_mode_cpu()
    assert same_loss == pytest.approx(loss, rel=1e-6)
    for ours, theirs in zip(same_weights, weights):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_no_accelerator():
    emulated.install()
    assert accelerator.kind() is None and accelerator.count() == 0
    with pytest.raises(CaffeError, match=r"GPU 0 was asked for, but PyTorch finds 0 GPU\(s\)"):
        caffe.set_mode_gpu()


def test_a_number_that_is_not_there():
    with emulated.present():
        caffe.set_device(3)
        with pytest.raises(CaffeError, match=r"GPU 3 was asked for, but PyTorch finds 1 GPU\(s\)"):
            caffe.set_mode_gpu()


def test_its_name_and_properties():
    with emulated.present():
        assert accelerator.name(0) == "emulated accelerator"
        assert accelerator.properties(0) == {"Name": "emulated accelerator"}


def test_a_device_without_float64_trains(tmp_path, monkeypatch):
    """As on Apple's GPUs: sums are float32 there, and nothing asks for float64."""
    loss, _ = trained(tmp_path)
    monkeypatch.setattr(accelerator, "_SINGLE", ("mps", emulated.NAME))
    with emulated.present(), emulated.without_float64():
        caffe.set_mode_gpu()
        same_loss, _ = trained(tmp_path)
        caffe.set_mode_cpu()
    assert same_loss == pytest.approx(loss, rel=1e-5)
