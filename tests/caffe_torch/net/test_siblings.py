"""InnerProducts of one blob on a device: computed as one, equal to each by itself, and only where nothing can tell."""

from __future__ import annotations

from pathlib import Path

import emulated_accelerator as emulated
import numpy as np
import pytest

import caffe_torch as caffe

SIZES = {"a": 3, "b": 1, "c": 4}


@pytest.fixture(autouse=True)
def on_the_device():
    with emulated.present():
        caffe.set_mode_gpu()
        yield
        caffe.set_mode_cpu()


def text(settings: str = "", names: str = "abc", more: str = "", bias: str = "") -> str:
    """x, a hidden layer, an InnerProduct a name over it with ``settings``, a loss each."""
    head = (
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 5 dim: 2 dim: 3 } } }\n'
        'layer { name: "h" type: "InnerProduct" bottom: "x" top: "h" inner_product_param { num_output: 6 axis: 1 '
        'weight_filler { type: "gaussian" std: 0.4 } } }\n'
    )
    tasks = "".join(
        f'layer {{ name: "{n}" type: "InnerProduct" bottom: "h" top: "{n}" {settings} inner_product_param {{ '
        f'num_output: {SIZES[n]} {bias} weight_filler {{ type: "gaussian" std: 0.4 }} }} }}\n'
        for n in names
    )
    losses = "".join(
        f'layer {{ name: "l{n}" type: "Reduction" bottom: "{n}" top: "l{n}" loss_weight: 1 '
        "reduction_param { operation: SUMSQ } }\n"
        for n in names
    )
    return head + tasks + more + losses


def net_of(folder: Path, prototxt: str, joined: bool = True) -> caffe.Net:
    (folder / "net.prototxt").write_text(prototxt)
    caffe.set_random_seed(3)
    net = caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN)
    net.blobs["x"].data[...] = np.random.default_rng(1).standard_normal((5, 2, 3))
    if not joined:
        net.graph.siblings = []
    return net


def results(net: caffe.Net) -> dict[str, np.ndarray]:
    result = {
        f"{name} {part}": getattr(blob, part).copy() for name, blob in net.blobs.items() for part in ("data", "diff")
    }
    for name, blobs in net.params.items():
        result.update(
            {f"{name} {i} {part}": getattr(b, part).copy() for i, b in enumerate(blobs) for part in ("data", "diff")}
        )
    return result


def assert_same(blobs: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert blobs.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(blobs[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("bias", ["", "bias_term: false", "axis: 1"])
@pytest.mark.parametrize(
    "settings", ["", "param { lr_mult: 0 } param { lr_mult: 1 }", "param { lr_mult: 1 } param { lr_mult: 0 }"]
)
def test_all_blobs_and_gradients_are_the_plain_ones(tmp_path, settings, bias):
    """Also those of the Split's tops, which nothing but a user reads; gradients add up over two passes."""
    settings = settings.split(" param")[0] if "bias_term" in bias else settings
    both = []
    for joined in (True, False):
        net = net_of(tmp_path, text(settings, bias=bias), joined)
        assert len(net.graph.siblings) == joined
        for _ in range(2):
            net.forward()
            net.backward()
            net.params["b"][0].data[...] += 0.1
        both.append(results(net))
    assert_same(*both)


def test_it_takes_no_more_kernels_for_more_siblings(tmp_path):
    counted = []
    for names in ("ab", "abc"):
        net = net_of(tmp_path, text(names=names))
        net.clear_param_diffs()
        net.forward()
        net.backward()
        net.clear_param_diffs()
        net.graph.forward_loss(0, 3)
        net.graph.forward_loss(1)
        emulated.counts.clear()
        net.graph.siblings[0].forward(net.graph.nodes)
        net.graph.siblings[0].backward(net.graph.nodes)
        counted.append(emulated.counts.kernels_of())
    assert counted[0] == counted[1] == 8


def test_a_gradient_asked_for_after_an_update_is_the_pass_s(tmp_path):
    """It is computed late, from the weights that the backward pass had."""
    both = []
    for joined in (True, False):
        net = net_of(tmp_path, text(), joined)
        net.forward()
        net.backward()
        for blob in net.params["a"]:
            blob.data[...] = 7
        both.append({n: b.diff.copy() for n, b in net.blobs.items() if "split" in n})
    assert both[0] and np.abs(both[0]["h_h_0_split_0"]).max() > 0
    assert_same(*both)


def test_part_of_a_pass_and_callbacks_see_each_layer_by_itself(tmp_path):
    both = []
    for joined in (True, False):
        net = net_of(tmp_path, text(), joined)
        arrays: list[np.ndarray] = []
        net.forward(end="b")
        net.forward(start="c")
        net.backward(end="b")
        net.backward(start="a")
        first = results(net)
        net.after_forward(lambda i, net=net, arrays=arrays: arrays.append(net.blobs["b"].data.copy()))
        net.params["b"][0].data[...] *= 2
        net.forward()
        both.append({**first, **{f"seen {i}": array for i, array in enumerate(arrays)}})
    assert_same(*both)


SHARED = text('param { name: "w" } param { name: "b" }').replace("num_output: 1", "num_output: 3")
APART = {
    "shared weights": SHARED.replace("num_output: 4", "num_output: 3"),
    "another reader": text(more='layer { name: "s" type: "Sigmoid" bottom: "h" top: "s" }\n'),
    "one is fixed": text().replace('top: "b" ', 'top: "b" param { lr_mult: 0 } '),
    "one transposes": text().replace("num_output: 1 ", "num_output: 1 transpose: true "),
}


@pytest.mark.parametrize("why", APART)
def test_where_they_differ_each_runs_by_itself(tmp_path, why):
    net = net_of(tmp_path, APART[why])
    assert net.graph.siblings == []
    net.forward()
    net.backward()


def test_the_cpu_computes_each_by_itself(tmp_path, monkeypatch):
    caffe.set_mode_cpu()
    net = net_of(tmp_path, text())
    monkeypatch.setattr(type(net.graph.siblings[0]), "forward", None)
    net.forward()
    net.backward()


def test_bad_memory_names_a_layer(tmp_path, monkeypatch):
    net = net_of(tmp_path, text())

    def full(*args):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr("caffe_torch.net.siblings.precision.linear", full)
    with pytest.raises(caffe.errors.CaffeMemoryError, match="layer 'a'.*out of memory"):
        net.graph.siblings[0].forward(net.graph.nodes)
