"""The loss layers' forms in tensors against the NumPy layers: numbers on a CPU, whole nets on the emulated device."""

from __future__ import annotations

import json
from pathlib import Path

import emulated_accelerator as emulated
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch.errors import CaffeError
from caffe_torch.layers import tensor_form

LAYERS: dict[str, tuple[str, str, dict[str, object]]] = {
    "plain": ("multi_weight_loss", "MultiWeightLossLayer", {}),
    "focal": ("multi_weight_loss", "MultiWeightLossLayer", {"objective": {"name": "focal", "focus": 2}}),
    "asymmetric": ("multi_weight_loss", "MultiWeightLossLayer", {"objective": {"name": "asymmetric"}}),
    "uncertainty": ("uncertainty_loss", "UncertaintyLossLayer", {}),
    "dwa": ("dwa_loss", "DwaLossLayer", {"window": 2}),
    "hill": ("multi_weight_loss", "MultiWeightLossLayer", {"objective": {"name": "hill"}}),
    "splc": ("multi_weight_loss", "MultiWeightLossLayer", {"objective": {"name": "splc"}}),
    "present": (
        "multi_weight_loss",
        "MultiWeightLossLayer",
        {"objective": {"name": "hill", "present": [1, 2, 3, 0.5, 0, 4, 5, 6]}},
    ),
    "uw_so": ("uw_so_loss", "UwSoLossLayer", {"temperature": 2}),
    "log_sum": ("log_sum_loss", "LogSumLossLayer", {}),
}
SIZES = (3, 1, 4)
IMAGES = 6


@pytest.fixture(autouse=True)
def cpu_again():
    yield
    caffe.set_mode_cpu()


def net_text(kind: str, tops: int) -> str:
    """Scores of each group by an InnerProduct of x, then the loss."""
    module, cls, more = LAYERS[kind]
    param = json.dumps({"groups": ["a", "b", "c"], "gamma": [1.0, 0.25, 0.5], **more})
    text = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ dim: {IMAGES} dim: {n} }} }} }}\n'
        for name, n in (("x", 5), ("labels", sum(SIZES)))
    )
    text += "".join(
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "x" top: "{name}" inner_product_param {{ '
        f'num_output: {n} weight_filler {{ type: "gaussian" std: 1 }} }} }}\n'
        for name, n in zip("abc", SIZES)
    )
    names = ["total", "ja", "jb", "jc"][:tops]
    ends = "".join(f'top: "{name}" loss_weight: {w} ' for name, w in zip(names, (1, 0.5, 0, 0)))
    state = "param { lr_mult: 0 decay_mult: 0 } " * 2 if kind == "dwa" else ""
    return text + (
        f'layer {{ name: "loss" type: "Python" bottom: "a" bottom: "b" bottom: "c" bottom: "labels" {ends} {state}'
        f"python_param {{ module: 'multiweight.layers.{module}' layer: '{cls}' param_str: '{param}' }} }}\n"
    )


def solver_of(folder: Path, kind: str, tops: int) -> caffe.SGDSolver:
    (folder / "net.prototxt").write_text(net_text(kind, tops))
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" snapshot_prefix: "{folder}/s" random_seed: 2 '
        "display: 0 max_iter: 99"
    )
    solver = caffe.SGDSolver(str(folder / "solver.prototxt"))
    random = np.random.default_rng(1)
    solver.net.blobs["x"].data[...] = random.standard_normal((IMAGES, 5))
    solver.net.blobs["labels"].data[...] = random.integers(-1, 2, (IMAGES, sum(SIZES)))
    return solver


def results(net: caffe.Net) -> dict[str, np.ndarray]:
    result = {f"{name} diff": net.blobs[name].diff.copy() for name in "abc"}
    result.update({name: net.blobs[name].data.copy() for name in net.outputs})
    for name, blobs in net.params.items():
        for i, blob in enumerate(blobs):
            result[f"{name} {i}"], result[f"{name} {i} diff"] = blob.data.copy(), blob.diff.copy()
    return result


def assert_same(blobs: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float) -> None:
    assert blobs.keys() == expected.keys()
    for name, values in expected.items():
        scale = max(float(np.abs(values).max()), 1e-3)
        assert np.abs(blobs[name] - values).max() <= tolerance * scale, name


@pytest.mark.parametrize("tops", [1, 4])
@pytest.mark.parametrize("kind", LAYERS)
def test_each_form_is_its_numpy_layer(tmp_path, kind, tops):
    """Through two windows of the adaptive weights."""
    numpys, tensors = (solver_of(tmp_path, kind, tops).net for _ in range(2))
    loss, last = tensors.graph.nodes[-1], len(tensors.graph.nodes) - 2
    form = tensor_form.load(loss.layer, type(loss.layer.user).tensor_form)(loss.layer.user)
    for step in range(5):
        for net in (numpys, tensors):
            net.params["a"][0].data[...] += 0.3 * step
            net.clear_param_diffs()
        numpys.forward()
        numpys.backward()
        tensors.graph.forward(0, last)
        form.forward(loss.bottoms, loss.tops)
        form.backward(loss.tops, loss.propagate_down, loss.bottoms)
        tensors.graph.backward(last)
        assert_same(results(tensors), results(numpys), 1e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_training_on_a_device_is_training_on_the_cpu(tmp_path, kind):
    cpu = solver_of(tmp_path, kind, 4)
    cpu.step(5)
    with emulated.present():
        caffe.set_mode_gpu()
        there = solver_of(tmp_path, kind, 4)
        there.step(5)
        assert there.net.graph.nodes[-1].layer._in_tensors
        assert_same(results(there.net), results(cpu.net), 1e-5)


def test_nothing_is_fetched_and_nothing_sent(tmp_path):
    with emulated.present():
        caffe.set_mode_gpu()
        solver = solver_of(tmp_path, "plain", 4)
        solver.step(2)
        node = solver.net.graph.nodes[-1]
        emulated.counts.clear()
        node.forward()
        node.backward()
        assert emulated.counts.downloads.total() == emulated.counts.uploads.total() == 0


def test_a_wrong_label_is_named_where_the_loss_is_looked_at(tmp_path):
    with emulated.present():
        caffe.set_mode_gpu()
        solver = solver_of(tmp_path, "plain", 4)
        solver.net.blobs["labels"].data[2, 3] = 255
        solver.step(3)
        with pytest.raises(CaffeError, match="the loss is nan.*group b: labels from .* to 255.*: expected 0 to 1"):
            solver.snapshot()


def test_a_subclass_that_names_no_form_runs_its_own_numpy(tmp_path, monkeypatch):
    (tmp_path / "own_loss.py").write_text(
        "from multiweight.layers.multi_weight_loss import MultiWeightLossLayer\n"
        "class Doubled(MultiWeightLossLayer):\n"
        "    def weights(self):\n"
        "        return 2 * self.gamma\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plain = net_text("plain", 1)
    own = plain.replace("multiweight.layers.multi_weight_loss", "own_loss").replace("MultiWeightLossLayer", "Doubled")
    losses = []
    with emulated.present():
        caffe.set_mode_gpu()
        for text in (plain, own):
            (tmp_path / "net.prototxt").write_text(text)
            caffe.set_random_seed(1)
            net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
            net.blobs["x"].data[...] = 1
            losses.append(float(net.forward()["total"][0]))
    assert losses[1] == pytest.approx(2 * losses[0], rel=1e-5)


@pytest.mark.parametrize(
    "name, words",
    [
        ("json", "no class with forward and backward"),
        ("no_such_module:Form", "cannot be imported"),
        (":Form", "names no module"),
        ("json:JSONDecoder", "no class with forward and backward"),
    ],
)
def test_a_form_that_is_not_there_is_one_error(tmp_path, name, words):
    layer = solver_of(tmp_path, "plain", 1).net.graph.nodes[-1].layer
    with pytest.raises(CaffeError, match=words):
        tensor_form.load(layer, name)
