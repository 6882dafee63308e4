"""Weights inside a network's text: every type of layer with parameters, old shapes, what does not fit."""

import numpy as np
import pytest
from google.protobuf import text_format

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.proto import caffe_pb2

IMAGE = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 3 dim: 3 } } }'
SEQUENCE = """layer { name: "x" type: "Input" top: "x" top: "c"
  input_param { shape { dim: 2 dim: 1 dim: 3 } shape { dim: 2 dim: 1 } } }"""
TYPES = {
    "Convolution": "convolution_param { num_output: 2 kernel_size: 2 }",
    "Deconvolution": "convolution_param { num_output: 2 kernel_size: 2 }",
    "InnerProduct": "inner_product_param { num_output: 3 transpose: true }",
    "Scale": "scale_param { bias_term: true }",
    "Bias": "",
    "BatchNorm": "batch_norm_param { use_global_stats: true }",
    "PReLU": "",
    "Embed": "embed_param { num_output: 2 input_dim: 3 }",
    "RNN": "recurrent_param { num_output: 2 }",
    "LSTM": "recurrent_param { num_output: 2 }",
}


def net(folder, text):
    (folder / "net.prototxt").write_text(text)
    return caffe.Net(str(folder / "net.prototxt"), caffe.TEST)


@pytest.mark.parametrize("kind", TYPES)
def test_a_caffemodel_printed_as_text_is_the_same_net(tmp_path, kind):
    recurrent = kind in ("RNN", "LSTM")
    bottoms = 'bottom: "x" bottom: "c"' if recurrent else 'bottom: "x"'
    layer = f'layer {{ name: "l" type: "{kind}" {bottoms} top: "y" {TYPES[kind]} }}'
    first = net(tmp_path, (SEQUENCE if recurrent else IMAGE) + layer)
    generator = np.random.default_rng(1)
    for blob in first.params["l"]:
        blob.data[...] = generator.uniform(0.5, 1, blob.shape)
    first.save(str(tmp_path / "w.caffemodel"))
    message = caffe_pb2.NetParameter.FromString((tmp_path / "w.caffemodel").read_bytes())
    again = net(tmp_path, text_format.MessageToString(message))
    for n in (first, again):
        for name in n.inputs:
            n.blobs[name].data[...] = 1
        n.forward()
    assert len(again.params["l"]) == len(first.params["l"])
    np.testing.assert_array_equal(again.blobs["y"].data, first.blobs["y"].data)


BLOB = "blobs { shape { dim: 2 dim: 18 } %s }"
FC = IMAGE + 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 } %s }'


def test_the_bias_of_an_old_file_has_four_axes(tmp_path):
    blobs = BLOB % ("data: 3 " * 36) + " blobs { num: 1 channels: 1 height: 1 width: 2 data: 1 data: 2 }"
    np.testing.assert_array_equal(net(tmp_path, FC % blobs).params["fc"][1].data, [1, 2])


@pytest.mark.parametrize(
    "blobs, message",
    [
        (BLOB % "data: 1", r"the network's text: layer 'fc': a blob of shape \(2, 18\) holds 1 values"),
        (BLOB % ("data: 1 " * 36), r"the network's text: layer 'fc' has 1 parameter blob\(s\), this net's has 2"),
        (
            "blobs { shape { dim: 36 } " + "data: 1 " * 36 + "} blobs { shape { dim: 2 } data: 1 data: 2 }",
            r"parameter 0 of layer 'fc': its shape there is \(36,\), here \(2, 18\)",
        ),
        ("blobs { shape { dim: -2 dim: -18 } " + "data: 1 " * 36 + "}", r"a blob of shape \(-2, -18\) holds 36"),
        ("blobs { shape { dim: 4294967296 dim: 4294967296 } }", r"holds 0 values"),
    ],
)
def test_weights_that_do_not_fit_name_the_layer(tmp_path, blobs, message):
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, FC % blobs)


def test_a_solvers_own_net_has_them_too(tmp_path):
    text = FC % (BLOB % ("data: 3 " * 36) + " blobs { shape { dim: 2 } data: 1 data: 2 }")
    solver = caffe_pb2.SolverParameter(base_lr=0.1, lr_policy="fixed", snapshot_prefix=str(tmp_path / "s"))
    text_format.Parse(
        text + 'layer { name: "t" type: "Reduction" bottom: "y" top: "t" loss_weight: 1 }', solver.net_param
    )
    trained = caffe.get_solver(solver)
    np.testing.assert_array_equal(trained.net.params["fc"][1].data, [1, 2])
    trained.step(1)
    assert trained.net.params["fc"][1].data[0] == pytest.approx(0.9)
