"""Old formats by hand; equality with the original's own tools is checked in tests/parity/test_old_formats.py."""

import pytest

from caffe_torch import CaffeError
from caffe_torch.files import prototxt
from caffe_torch.files.upgrade import upgrade_net
from caffe_torch.proto import caffe_pb2


def upgraded(text):
    return upgrade_net(prototxt.parse(text, caffe_pb2.NetParameter()), "old")


def test_v1_multipliers_become_param_entries():
    net = upgraded('layers { type: INNER_PRODUCT blobs_lr: 1 blobs_lr: 2 weight_decay: 3 param: "w" }')
    (layer,) = net.layer
    assert layer.type == "InnerProduct" and not net.layers
    assert [(p.name, p.lr_mult, p.decay_mult) for p in layer.param] == [("w", 1, 3), ("", 2, 1)]


def test_v0_padding_moves_into_the_layer_it_feeds():
    net = upgraded(
        'input: "x" input_dim: 1 input_dim: 1 input_dim: 5 input_dim: 5 '
        'layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "p" }'
        'layers { layer { name: "c" type: "conv" num_output: 3 kernelsize: 3 } bottom: "p" top: "c" }'
    )
    assert [layer.type for layer in net.layer] == ["Input", "Convolution"]
    assert list(net.layer[1].bottom) == ["x"] and list(net.layer[1].convolution_param.pad) == [2]
    with pytest.raises(CaffeError, match="padding layer 'p' feeds 'r'"):
        upgraded(
            'input: "x" layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "p" }'
            'layers { layer { name: "r" type: "relu" } bottom: "p" top: "r" }'
        )


def test_a_mixture_of_formats_is_refused():
    with pytest.raises(CaffeError, match="layer 'b' is in the V1 format"):
        upgraded('layers { layer { name: "a" type: "relu" } } layers { name: "b" type: RELU }')


def test_solvers(tmp_path):
    path = tmp_path / "my.solver.prototxt"
    path.write_text("solver_type: ADAGRAD")
    solver = prototxt.read_solver(path)
    assert solver.type == "AdaGrad" and solver.snapshot_prefix == str(tmp_path / "my.solver")
    path.write_text(f'snapshot_prefix: "{tmp_path}"')
    assert prototxt.read_solver(path).snapshot_prefix == str(tmp_path / "my.solver")
    path.write_text('solver_type: SGD type: "Adam"')
    with pytest.raises(CaffeError, match="my.solver.prototxt: has both `type` and the old `solver_type`"):
        prototxt.read_solver(path)
