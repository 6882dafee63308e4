"""caffe-torch export: the command that writes an ONNX model."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import onnxruntime
import pytest
import safetensors.numpy

import caffe_torch as caffe
from caffe_torch.cli import command

NET = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "conv" top: "prob" }
"""


@pytest.fixture
def words(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.save(str(tmp_path / "net.caffemodel"))
    return [
        "export", "--model", f"{tmp_path}/net.prototxt", "--weights", f"{tmp_path}/net.caffemodel",
        f"--output={tmp_path}/net.onnx",
    ]  # fmt: skip


def test_it_writes_the_model_and_says_how_far_it_lies_from_the_net(words, tmp_path, capfd):
    assert command.main(words) == 0
    output = capfd.readouterr().err
    assert (
        "Largest relative difference of onnxruntime from the net: " in output and f"Wrote {tmp_path}/net.onnx" in output
    )
    net = caffe.Net(words[2], caffe.TEST, weights=words[4])
    (prob,) = onnxruntime.InferenceSession(f"{tmp_path}/net.onnx").run(None, {"data": net.blobs["data"].data})
    np.testing.assert_allclose(prob, net.forward()["prob"], rtol=1e-5)


def test_flags_reach_the_model(words, tmp_path):
    np.savez(tmp_path / "in.npz", data=np.ones((2, 3, 5, 5)))
    more = ["-until", "conv", "--batch=2", "--mean", "1,2,3", "--scale", "0.5", "--channels", "rgb"]
    assert command.main([*words, *more, "--inputs", f"{tmp_path}/in.npz"]) == 0
    session = onnxruntime.InferenceSession(f"{tmp_path}/net.onnx")
    assert [value.name for value in session.get_outputs()] == ["conv"]
    assert session.get_inputs()[0].shape == [2, 3, 5, 5]
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 3, 5, 5)).astype(np.float32)
    net = caffe.Net(words[2], caffe.TEST, weights=words[4])
    net.blobs["data"].data[...] = (pixels[:, ::-1] - np.float32([1, 2, 3])[:, None, None]) * 0.5
    net.forward()
    np.testing.assert_allclose(session.run(None, {"data": pixels})[0], net.blobs["conv"].data, rtol=1e-4, atol=1e-3)
    assert command.main([*words, "--any_size"]) == 0
    assert onnxruntime.InferenceSession(f"{tmp_path}/net.onnx").get_inputs()[0].shape[1:] == [3, "data_2", "data_3"]


def test_a_mean_of_a_file_is_subtracted(words, tmp_path):
    mean = np.arange(3 * 5 * 5, dtype=np.float64).reshape(1, 3, 5, 5)
    (tmp_path / "mean.binaryproto").write_bytes(caffe.io.array_to_blobproto(mean).SerializeToString())
    assert command.main([*words, "--until", "conv", "--mean", f"{tmp_path}/mean.binaryproto"]) == 0
    pixels = np.random.default_rng(2).uniform(0, 255, (2, 3, 5, 5)).astype(np.float32)
    net = caffe.Net(words[2], caffe.TEST, weights=words[4])
    net.blobs["data"].data[...] = pixels - mean
    net.forward()
    (conv,) = onnxruntime.InferenceSession(f"{tmp_path}/net.onnx").run(None, {"data": pixels})
    np.testing.assert_allclose(conv, net.blobs["conv"].data, rtol=1e-4, atol=1e-3)


def test_a_net_without_parameters_needs_no_weights(tmp_path):
    (tmp_path / "relu.prototxt").write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
        'layer { name: "y" type: "ReLU" bottom: "x" top: "y" }'
    )
    assert command.main(["export", f"--model={tmp_path}/relu.prototxt", f"--output={tmp_path}/relu.onnx"]) == 0
    x = np.float32([[-1, 2, -3], [4, -5, 6]])
    (y,) = onnxruntime.InferenceSession(f"{tmp_path}/relu.onnx").run(None, {"x": x})
    np.testing.assert_array_equal(y, [[0, 2, 0], [4, 0, 6]])


def test_a_package_that_is_not_installed_is_named(words, tmp_path):
    """In a process of its own, where nothing has imported them yet."""
    run = f"""
import sys
from caffe_torch.cli import command
for package, suffix in ("onnx", "onnx"), ("onnxruntime", "onnx"), ("safetensors", "safetensors"):
    sys.modules[package] = None
    assert command.main([*{words[:5]!r}, "--output={tmp_path}/net." + suffix]) == 1
    del sys.modules[package]
"""
    ended = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=False)
    output = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert ended.returncode == 0, ended.stderr
    assert output == [
        f"error: export: needs {package}: pip install 'multiweight[torch,export]'"
        for package in ("onnx", "onnxruntime", "safetensors")
    ]


def test_opencv_5_reads_what_it_writes(words, tmp_path):
    """The recipe of docs/EXPORT.md."""
    assert cv2.__version__.startswith("5.")
    assert command.main(words) == 0
    pixels = np.random.default_rng(1).standard_normal((1, 3, 5, 5)).astype(np.float32)
    model = cv2.dnn.readNetFromONNX(f"{tmp_path}/net.onnx")
    model.setInput(pixels, "data")
    net = caffe.Net(words[2], caffe.TEST, weights=words[4])
    net.blobs["data"].reshape(1, 3, 5, 5)
    net.blobs["data"].data[...] = pixels
    np.testing.assert_allclose(model.forward(), net.forward()["prob"], rtol=1e-4)


def test_weights_as_safetensors(words, tmp_path):
    assert command.main([*words, "--output", f"{tmp_path}/net.safetensors"]) == 0
    state = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    net = caffe.Net(words[2], caffe.TEST, weights=words[4])
    np.testing.assert_array_equal(state["conv.weight"], net.params["conv"][0].data)
    np.testing.assert_array_equal(state["conv.bias"], net.params["conv"][1].data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: [w[0], *w[3:]], "needs --model"),
        (lambda w: w[:5], "needs --output"),
        (lambda w: [*w[:3], w[5]], "needs --weights"),
        (lambda w: [*w, "--output", "/nowhere/x.onnx"], "no folder /nowhere"),
        (lambda w: [*w, "--output", "/"], "a folder"),
        (lambda w: [*w, "--mean", "a,b"], "neither a file nor numbers"),
        (lambda w: [*w, "--inputs", "missing.npz"], "missing.npz: cannot be read"),
        (lambda w: [*w, "--inputs", w[2]], "no .npz file"),
        (lambda w: [*w, "--inputs", w[2].replace("net.prototxt", "one.npy")], "one.npy: no .npz file: write one with"),
        (lambda w: [*w, "--inputs", w[2].replace("net.prototxt", "words.npz")], "words.npz: cannot be read as"),
        (lambda w: [*w, "--inputs", w[2].replace("net.prototxt", "cut.npz")], "cut.npz: cannot be read as"),
        (lambda w: [*w, "--output", "net.pt"], "net.pt: export writes .onnx and .safetensors files"),
        (lambda w: [*w, "--output", "n.safetensors", "--any_size"], "the weights alone: leave out --any_size"),
        (
            lambda w: [*w, "--output", "n.safetensors", "--mean=1", "--batch=0", "--inputs", "no.npz"],
            "the weights alone: leave out --batch, --mean, --inputs",
        ),
        (lambda w: [*w, "--until", "fc9"], "no blob 'fc9'"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_model(words, tmp_path, capfd, change, message):
    np.save(tmp_path / "one.npy", np.ones((2, 3, 5, 5)))
    np.savez(tmp_path / "words.npz", data=np.array(["a"]))
    np.savez_compressed(tmp_path / "cut.npz", data=np.arange(150.0))
    with open(tmp_path / "cut.npz", "r+b") as file:  # a few bytes of the array, not of the zip file's own lists
        file.seek(60)
        file.write(b"\xff" * 20)
    assert command.main(change(words)) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0]
    assert not list(tmp_path.glob("*.onnx*"))


def test_weights_that_do_not_fit_are_one_line(words, tmp_path, capfd):
    other = tmp_path / "other.prototxt"
    other.write_text(NET.replace("kernel_size: 3", "kernel_size: 2"))
    assert command.main([words[0], "--model", str(other), *words[3:]]) == 1
    assert "'conv'" in capfd.readouterr().err
    assert not list(tmp_path.glob("*.onnx*"))
