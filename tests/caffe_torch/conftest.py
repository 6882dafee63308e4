"""A net whose outputs are the means of its input's channels, and its weights."""

import os

import emulated_accelerator
import pytest

import caffe_torch as caffe

# Autograd makes its threads at the first backward of a process, one for each device that is registered then.
emulated_accelerator.install()

#: The mean of each channel of the crop.
NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 8 dim: 8 } } }
layer { name: "scale" type: "Scale" bottom: "data" top: "scale" param { lr_mult: 0 } }
layer { name: "mean" type: "Pooling" bottom: "scale" top: "mean" pooling_param { pool: AVE global_pooling: true } }
"""


@pytest.fixture
def mean_net(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.params["scale"][0].data[...] = 1
    net.save(str(tmp_path / "net.caffemodel"))
    return str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")


@pytest.fixture(autouse=True, scope="session")
def whole_run_on_a_device():
    """MULTIWEIGHT_TEST_ON_DEVICE=1 runs the tests here in GPU mode, on the emulated accelerator (tests/device)."""
    if os.environ.get("MULTIWEIGHT_TEST_ON_DEVICE", "0") in ("", "0"):
        yield
        return
    with emulated_accelerator.present():
        caffe.set_mode_gpu()
        yield
        caffe.set_mode_cpu()
