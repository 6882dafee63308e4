"""The update of all parameters at once on a device equals the one a parameter of the CPU, for every rule."""

from __future__ import annotations

import emulated_accelerator as emulated
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch.solver.rules import RULES

NET = """
layer { name: "x" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 4 dim: 6 } shape { dim: 4 dim: 2 }
  data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 0.5 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 } inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "r" type: "TanH" bottom: "a" top: "a" }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 } inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "b" bottom: "y" top: "loss" }
"""
MOMENTUM = {"AdaGrad": 0, "RMSProp": 0}


@pytest.fixture(autouse=True)
def cpu_again():
    yield
    caffe.set_mode_cpu()


def trained(folder, kind, more, iterations=5):
    """Weights, their last updates and the loss; the data are drawn once."""
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" type: "{kind}" base_lr: 0.05 lr_policy: "fixed" delta: 0.01 {more} '
        f"momentum: {MOMENTUM.get(kind, 0.9)} weight_decay: 0.01 random_seed: 3 max_iter: 9 display: 0"
    )
    solver = caffe.get_solver(str(folder / "solver.prototxt"))
    solver.step(iterations)
    blobs = [blob for pair in solver.net.params.values() for blob in pair]
    return [array.copy() for blob in blobs for array in (blob.data, blob.diff)]


@pytest.mark.parametrize("more", ["", 'regularization_type: "L1"', "clip_gradients: 0.1", "iter_size: 3"])
@pytest.mark.parametrize("kind", RULES)
def test_equal_to_the_cpus(kind, more, tmp_path):
    expected = trained(tmp_path, kind, more)
    with emulated.present():
        caffe.set_mode_gpu()
        result = trained(tmp_path, kind, more)
        caffe.set_mode_cpu()
    for ours, theirs in zip(result, expected):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-7)


def test_more_parameters_cost_no_more_kernels(tmp_path):
    """Two layers and twelve: the same number of kernels in the update."""
    counted = []
    for layers in (2, 12):
        text = NET + "\n".join(
            f'layer {{ name: "more{i}" type: "InnerProduct" bottom: "a" top: "m{i}" '
            "param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 } "
            "inner_product_param { num_output: 3 } }\n"
            f'layer {{ name: "s{i}" type: "Reduction" bottom: "m{i}" top: "l{i}" loss_weight: 1 }}'
            for i in range(layers - 2)
        )
        (tmp_path / "net.prototxt").write_text(text)
        (tmp_path / "solver.prototxt").write_text(
            f'net: "{tmp_path}/net.prototxt" base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.01 '
            "display: 0"
        )
        with emulated.present():
            caffe.set_mode_gpu()
            solver = caffe.get_solver(str(tmp_path / "solver.prototxt"))
            solver.step(1)
            solver.net.forward()
            solver.net.backward()
            emulated.counts.clear()
            solver.apply_update()
            counted.append(emulated.counts.kernels_of())
            assert not emulated.counts.downloads and not emulated.counts.uploads
            caffe.set_mode_cpu()
    assert counted[0] == counted[1] <= 10


def test_a_loss_that_is_not_finite_is_named_late_but_before_a_snapshot(tmp_path):
    """Nobody waits for the loss in a step; the snapshot after it does not see bad weights."""
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 1e30 lr_policy: "fixed" display: 0 snapshot: 6 '
        f'snapshot_prefix: "{tmp_path}/s" max_iter: 20'
    )
    with emulated.present():
        caffe.set_mode_gpu()
        solver = caffe.get_solver(str(tmp_path / "solver.prototxt"))
        solver.step(1)
        assert not emulated.counts.waits
        with pytest.raises(caffe.CaffeError, match=r"iteration [1-5]: the loss is (nan|inf)"):
            solver.step(19)
    assert not list(tmp_path.glob("*.caffemodel"))
