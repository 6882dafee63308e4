"""What a user does to a net between its passes, in GPU mode: views, shapes, surgery, shared weights, Python layers.

Each program runs on the CPU and on the emulated accelerator, and must see the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from devices import assert_same, on_the_device, parameters

import caffe_torch as caffe
from caffe_torch.blob.array import Array
from caffe_torch.runtime import device

NET = """
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv" convolution_param { num_output: 4 kernel_size: 3
  weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 3
  weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "again" type: "InnerProduct" bottom: "pool" top: "again" inner_product_param { num_output: 3
  weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "sum" type: "Eltwise" bottom: "fc" bottom: "again" top: "sum" }
"""
LAYERS = """import caffe
import numpy as np


class Scaled(caffe.Layer):
    def setup(self, bottom, top):
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 3

    def reshape(self, bottom, top):
        for i in range(len(top)):
            top[i].reshape(*bottom[i].data.shape)

    def forward(self, bottom, top):
        for i in range(len(top)):
            top[i].data[...] = bottom[i].data * self.blobs[0].data[0]

    def backward(self, top, propagate_down, bottom):
        for i in range(len(top)):
            self.blobs[0].diff[...] += (top[i].diff * bottom[i].data).sum()
            bottom[i].diff[...] = top[i].diff * self.blobs[0].data[0]
"""
Found = dict[str, np.ndarray]


def load_net(folder: Path, text: str = NET) -> caffe.Net:
    (folder / "net.prototxt").write_text(text)
    caffe.set_random_seed(4)
    net = caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN)
    net.blobs["x"].data[...] = np.random.default_rng(2).standard_normal(net.blobs["x"].data.shape)
    return net


def everything(net: caffe.Net) -> Found:
    result = {f"{n} {part}": getattr(b, part).copy() for n, b in net.blobs.items() for part in ("data", "diff")}
    return {**result, **parameters(net), **{f"{n} diff": a for n, a in parameters(net, "diff").items()}}


def passed(net: caffe.Net) -> None:
    net.forward()
    net.blobs["sum"].diff[...] = np.random.default_rng(3).standard_normal(net.blobs["sum"].shape)
    net.backward()


def views_held_over_passes(folder: Path) -> Found:
    """Views got before a pass show its results once they are asked for again; writes into fresh ones are seen."""
    net = load_net(folder)
    data, weights = net.blobs["x"].data, net.params["fc"][0].data
    passed(net)
    first = everything(net)
    data[0] *= 2
    net.blobs["x"].data[1] = 0.5
    weights[...] = 1
    net.params["fc"][0].data[0] = 2
    net.params["fc"][1].diff[...] = 7
    passed(net)
    held = net.blobs["fc"].data
    passed(net)
    assert np.array_equal(held, net.blobs["fc"].data)
    return {**{f"first {n}": a for n, a in first.items()}, **everything(net)}


def gradients_written_by_hand(folder: Path) -> Found:
    """From the middle of the net on; and cleared ones."""
    net = load_net(folder)
    net.forward()
    net.blobs["pool"].diff[...] = 1
    net.blobs["conv"].diff[...] = 0
    net.backward(start="pool")
    first = everything(net)
    net.clear_param_diffs()
    net.blobs["sum"].diff[...] = 2
    net.backward()
    return {**{f"first {n}": a for n, a in first.items()}, **everything(net)}


def parts_of_a_pass(folder: Path) -> Found:
    net = load_net(folder)
    net.forward(end="pool")
    net.blobs["pool"].data[0] = 3
    net.forward(start="fc")
    return everything(net)


def other_shapes(folder: Path) -> Found:
    """A larger batch, a smaller one, another size of image."""
    net, result = load_net(folder), {}
    for shape in ((5, 3, 8, 8), (1, 3, 8, 8), (2, 3, 11, 9)):
        passed(net)
        net.blobs["x"].reshape(*shape)
        net.blobs["x"].data[...] = np.random.default_rng(1).standard_normal(shape)
        net.reshape()
        passed(net)
        result.update({f"{shape} {name}": array for name, array in everything(net).items()})
    return result


def surgery(folder: Path) -> Found:
    """Weights of one net put into another, as arrays, by a file, and flattened."""
    source, target = load_net(folder), load_net(folder, NET.replace('name: "fc"', 'name: "other"'))
    passed(source)
    for i in range(2):
        target.params["other"][i].data[...] = source.params["fc"][i].data
    target.params["other"][0].data[1] *= -1
    source.save(str(folder / "w.caffemodel"))
    source.save_hdf5(str(folder / "w.h5"))
    target.copy_from(str(folder / "w.caffemodel"))
    passed(target)
    three = load_net(folder)
    three.params["conv"][0].data[...] = 0
    three.load_hdf5(str(folder / "w.h5"))
    passed(three)
    return {**everything(target), **{f"three {n}": a for n, a in everything(three).items()}}


def shared_weights(folder: Path) -> Found:
    """By name within a net, and between two nets, of which one then changes them."""
    text = NET.replace('top: "fc" ', 'top: "fc" param { name: "w" } param { name: "b" } ')
    text = text.replace('top: "again" ', 'top: "again" param { name: "w" } param { name: "b" } ')
    first, second = load_net(folder, text), load_net(folder, text)
    second.share_with(first)
    passed(first)
    first.params["fc"][0].data[...] += 0.5
    passed(second)
    return {**everything(first), **{f"two {n}": a for n, a in everything(second).items()}}


def python_layers_inside(folder: Path) -> Found:
    """NumPy layers with two bottoms, one after the other, with parameters of their own."""
    inside = (
        'layer { name: "p" type: "Python" bottom: "fc" bottom: "again" top: "fc2" top: "again2" '
        'python_param { module: "scaling_layers" layer: "Scaled" } }\n'
        'layer { name: "q" type: "Python" bottom: "fc2" top: "fc3" '
        'python_param { module: "scaling_layers" layer: "Scaled" } }\n'
    )
    head, sum_layer = NET.rsplit("layer {", 1)
    net = load_net(
        folder, head + inside + "layer {" + sum_layer.replace('"fc"', '"fc3"').replace('"again"', '"again2"')
    )
    passed(net)
    first = everything(net)
    net.params["q"][0].data[...] = 0.25
    passed(net)
    return {**{f"first {n}": a for n, a in first.items()}, **everything(net)}


def a_net_that_changes_device(folder: Path) -> Found:
    """Made and run in one mode, then in the other, then back: as a program may that sets the mode late."""
    net = load_net(folder)
    on = device.current().type != "cpu"
    passed(net)
    caffe.set_mode_cpu()
    net.params["fc"][0].data[0] += 1
    passed(net)
    if on:
        caffe.set_mode_gpu()
    net.params["fc"][0].data[1] += 1
    passed(net)
    return everything(net)


PROGRAMS: list[Callable[[Path], Found]] = [
    views_held_over_passes, gradients_written_by_hand, parts_of_a_pass, other_shapes, surgery, shared_weights,
    python_layers_inside, a_net_that_changes_device,
]  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    (tmp_path / "scaling_layers.py").write_text(LAYERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_cpu_s_numbers(place, program):
    expected = program(place)
    with on_the_device() as counts:
        result = program(place)
        assert counts.kernels_of() > 0
    assert any(np.abs(array).max() > 0 for array in expected.values())
    assert_same(result, expected)


def _no_wait(where: torch.device) -> None:
    """The host reads what has not arrived."""


def _stale_device(array: Array) -> np.ndarray:
    """The device goes on with what it had before the user wrote."""
    array._host = array._to_host().contiguous()
    array._exposed = array._newest_on_host = True
    return array._host.numpy()


def _stale_host(array: Array) -> torch.Tensor:
    """The user reads what the host had before the device computed."""
    if array._host is None:
        array._host = array._device.cpu() if array._device is not None else torch.zeros(array.shape)
    array._newest_on_host = True
    return array._host


FAULTS = {
    "caffe_torch.runtime.device._wait": _no_wait,
    "caffe_torch.blob.array.Array.numpy": _stale_device,
    "caffe_torch.blob.array.Array._to_host": _stale_host,
}


@pytest.mark.parametrize("place_of_fault", FAULTS)
def test_a_planted_fault_turns_programs_red(place, monkeypatch, place_of_fault):
    """A synchronisation left out, and a stale copy on either side."""
    expected = [program(place) for program in PROGRAMS]
    monkeypatch.setattr(place_of_fault, FAULTS[place_of_fault])
    red = []
    with on_the_device():
        for program, values in zip(PROGRAMS, expected):
            try:
                assert_same(program(place), values)
            except AssertionError:
                red.append(program.__name__)
    assert red
