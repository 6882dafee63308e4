"""The number format of products."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import caffe_torch as caffe
from caffe_torch.errors import CaffeError
from caffe_torch.runtime import precision

NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
"""


@pytest.fixture(autouse=True)
def restored():
    before = precision.current()
    yield
    precision.set_precision(before)


def results(net):
    net.clear_param_diffs()
    net.forward()
    net.blobs["fc"].diff[...] = 1
    net.backward()
    arrays = [net.blobs["fc"].data, net.blobs["x"].diff, *(b.diff for blobs in net.params.values() for b in blobs)]
    return [a.copy() for a in arrays]


def test_bf16_rounds_products_and_keeps_float32_blobs(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    net.blobs["x"].data[...] = np.random.default_rng(1).standard_normal((2, 3, 8, 8))
    exact = results(net)
    precision.set_precision("bf16")
    rounded = results(net)
    for a, b in zip(exact, rounded):
        assert b.dtype == np.float32
        assert np.abs(a - b).max() / np.abs(a).max() < 0.03
    assert any(np.abs(a - b).max() / np.abs(a).max() > 1e-4 for a, b in zip(exact, rounded))
    precision.set_precision("fp32")
    for a, b in zip(exact, results(net)):
        np.testing.assert_array_equal(a, b)


def test_fp32_takes_tf32_from_pytorch_and_tf32_gives_it_back():
    precision.set_precision("fp32")
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
    precision.set_precision("tf32")
    assert torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(CaffeError, match="fp16.*fp32, tf32, bf16"):
        precision.set_precision("fp16")


def test_the_environment_chooses():
    code = "from caffe_torch.runtime import precision; print(precision.current())"
    chosen = {**os.environ, "CAFFE_TORCH_PRECISION": "bf16"}
    done = subprocess.run([sys.executable, "-c", code], env=chosen, capture_output=True, text=True)
    assert done.stdout.strip() == "bf16", done.stderr
