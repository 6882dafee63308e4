"""What a device cannot do is one clear error: a number that is not there, memory, a kernel, float64."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from pathlib import Path

import emulated_accelerator as emulated
import numpy as np
import pytest
from devices import on_the_device

import caffe_torch as caffe
from caffe_torch.errors import CaffeError, CaffeMemoryError

PYTHON = Path(__file__).resolve().parents[2] / "python"
NET = """
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 64 dim: 10 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 50
  weight_filler { type: "xavier" } } }
layer { name: "act" type: "ELU" bottom: "fc" top: "act" }
layer { name: "own" type: "Python" bottom: "act" top: "own"
  python_param { module: "doubling" layer: "Doubling" } }
"""
LAYER = """import caffe


class Doubling(caffe.Layer):
    tensor_form = "doubling:InTensors"

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = 2 * bottom[0].data


class InTensors:
    def __init__(self, layer):
        pass

    def forward(self, bottom, top):
        top[0].assign((2 * bottom[0].tensor().double()).float())

    def backward(self, top, propagate_down, bottom):
        bottom[0].assign_diff(2 * top[0].diff_tensor())
"""


@pytest.fixture
def net_file(tmp_path, monkeypatch) -> str:
    (tmp_path / "doubling.py").write_text(LAYER)
    (tmp_path / "net.prototxt").write_text(NET)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "doubling", raising=False)
    return str(tmp_path / "net.prototxt")


def test_memory_that_does_not_suffice_names_the_layer_and_a_smaller_batch(net_file):
    with on_the_device(), emulated.with_memory_for(64 * 50 * 4 - 1):
        net = caffe.Net(net_file, caffe.TRAIN)
        with pytest.raises(
            CaffeMemoryError, match=r"layer 'fc' \(InnerProduct\): .*out of memory.*a batch of 64 try batch_size: 32"
        ):
            net.forward()
    with on_the_device(), emulated.with_memory_for(64 * 50 * 4 - 1):
        net = caffe.Net(net_file, caffe.TRAIN)
        net.blobs["x"].reshape(32, 10)
        net.forward(end="act")


def test_memory_that_does_not_suffice_for_a_gradient(net_file):
    with on_the_device():
        net = caffe.Net(net_file, caffe.TRAIN)
        net.forward()
        with emulated.with_memory_for(64 * 10 * 4 - 1):
            with pytest.raises(CaffeMemoryError, match=r"layer 'fc' \(InnerProduct\): .*batch_size: 32"):
                net.backward(start="fc")


def step(folder: Path, batch: int, memory: int) -> None:
    """A step of training in so many bytes of the device: most of them for the images' values and gradients."""
    layers = f'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ dim: {batch} dim: 100 }} }} }}\n'
    for bottom, top in ("xa", "ce"):
        layers += f'''layer {{ name: "{top}" type: "InnerProduct" bottom: "{bottom}" top: "{top}"
            inner_product_param {{ num_output: 100 weight_filler {{ type: "xavier" }} }} }}'''
        if top == "a":
            layers += "".join(f'layer {{ name: "{t}" type: "ReLU" bottom: "{b}" top: "{t}" }}' for b, t in ("ab", "bc"))
    layers += 'layer { name: "loss" type: "Reduction" bottom: "e" top: "loss" loss_weight: 1 }'
    (folder / "net.prototxt").write_text(layers)
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 display: 0 max_iter: 9'
    )
    gc.collect()  # nets of before
    with on_the_device(), emulated.with_memory_of(memory):
        caffe.SGDSolver(str(folder / "solver.prototxt")).step(1)


def least(folder: Path, batch: int) -> int:
    """The least memory for a step, to 1 KiB."""
    enough, short = 1 << 21, 0
    while enough - short > 1024:
        middle = (enough + short) // 2
        try:
            step(folder, batch, middle)
            enough = middle
        except CaffeMemoryError:
            short = middle
    return enough


def refusal(folder: Path, batch: int, memory: int) -> str:
    """What is said of memory that does not suffice; the error itself would keep the net alive."""
    with pytest.raises(CaffeMemoryError) as error:
        step(folder, batch, memory)
    return str(error.value)


def test_the_batch_that_is_advised_fits_where_the_memory_is_told_in_numbers(tmp_path):
    small, half, whole = (least(tmp_path, batch) for batch in (60, 120, 240))
    advised = {}
    for part in (0.2, 0.8):
        memory = int(small + part * (whole - small))
        output = refusal(tmp_path, 240, memory)
        words = r"layer '\w+' .*out of memory.* for a batch of 240 try batch_size: (\d+), with iter_size: (\d+) .*"
        advice = re.match(words + r"same gradients \(about (\d+) fit\)$", output)
        assert advice, output
        advised[part], times, about = map(int, advice.groups())
        assert advised[part] * times == 240 and about >= advised[part] >= 40
        step(tmp_path, advised[part], memory)
    assert advised[0.8] == 120 and advised[0.2] < 120
    assert half > small + 0.2 * (whole - small), "half would not have fitted"


def test_memory_that_does_not_suffice_for_the_weights(tmp_path):
    with pytest.raises(CaffeMemoryError, match="solver.prototxt: the weights: emulated out of memory"):
        step(tmp_path, 2, 60_000)


def test_memory_that_does_not_suffice_for_the_update(tmp_path):
    """The first one makes the history, as large as the weights."""
    (tmp_path / "net.prototxt").write_text(
        NET.rsplit("layer {", 1)[0].replace('top: "act"', 'top: "act" loss_weight: 1')
    )
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 display: 0 max_iter: 9'
    )
    with on_the_device():
        solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
        solver.net.forward()
        solver.net.backward()
        with emulated.with_memory_for(50 * 10 * 4 - 1):
            with pytest.raises(CaffeMemoryError, match="the update by SGD: .*out of memory"):
                solver.apply_update()


def test_a_kernel_that_pytorch_lacks(net_file, monkeypatch):
    with on_the_device(), emulated.without_kernel("aten::elu"):
        net = caffe.Net(net_file, caffe.TRAIN)
        with pytest.raises(
            CaffeError, match=r"layer 'act' \(ELU\): PyTorch has no kernel of aten::elu for emulated.*FORCE_CPU=1"
        ):
            net.forward()
    monkeypatch.setenv("CAFFE_TORCH_FORCE_CPU", "1")
    with on_the_device() as counts, emulated.without_kernel("aten::elu"):
        assert np.isfinite(caffe.Net(net_file, caffe.TRAIN).forward()["own"]).all()
        assert counts.kernels_of() == 0


def test_a_kernel_that_pytorch_lacks_for_a_gradient(net_file, monkeypatch):
    Path(net_file).write_text(NET.rsplit("layer {", 1)[0].replace("ELU", "ReLU"))
    with on_the_device(), emulated.without_kernel("aten::threshold_backward.grad_input"):
        net = caffe.Net(net_file, caffe.TRAIN)
        net.forward()
        with pytest.raises(
            CaffeError,
            match=r"layer 'act' \(ReLU\): PyTorch has no kernel of aten::threshold_backward.* for emu.*FORCE_CPU=1",
        ):
            net.backward()
    monkeypatch.setenv("CAFFE_TORCH_FORCE_CPU", "1")
    with on_the_device() as counts, emulated.without_kernel("aten::threshold_backward.grad_input"):
        net = caffe.Net(net_file, caffe.TRAIN)
        net.forward()
        assert np.isfinite(net.backward()["x"]).all() and counts.kernels_of() == 0


def test_a_users_layer_that_asks_for_float64(net_file):
    with on_the_device():
        caffe.Net(net_file, caffe.TRAIN).forward()
        with emulated.without_float64():
            net = caffe.Net(net_file, caffe.TRAIN)
            with pytest.raises(CaffeError, match=r"layer 'own' \(Python\): .*emulated has no float64: use float32"):
                net.forward()


def test_other_errors_of_a_layer_stay_what_they_are(net_file):
    """No words of a device are put into a user's own mistake."""
    Path(net_file).with_name("doubling.py").write_text(LAYER.replace("(2 *", "(None *"))
    with on_the_device():
        with pytest.raises(TypeError, match="unsupported operand"):
            caffe.Net(net_file, caffe.TRAIN).forward()


@pytest.mark.parametrize("flag, message", [("5", "there is no GPU 5; PyTorch finds 0"), ("all", "finds no GPU here")])
def test_the_command_names_a_gpu_that_is_not_there(tmp_path, flag, message):
    (tmp_path / "net.prototxt").write_text(NET)
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", "time", f"--model={tmp_path}/net.prototxt", f"--gpu={flag}"],
        capture_output=True, text=True, env={"PYTHONPATH": str(PYTHON), "CUDA_VISIBLE_DEVICES": ""}, check=False,
    )  # fmt: skip
    assert done.returncode and message in done.stderr and "Traceback" not in done.stderr
