"""Gradients that cannot go where they would have to: an error in backward, never a silent loss."""

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

HEAD = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 2 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 2 } }
layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" inner_product_param { num_output: 2 } }
"""
LOSS = 'layer { name: "t" type: "SigmoidCrossEntropyLoss" bottom: "a" bottom: "b" top: "t" %s }'


def net(folder, text):
    (folder / "net.prototxt").write_text(HEAD + text)
    return caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN)


def test_a_forward_alone_is_no_mistake_and_the_error_gives_the_line_to_write(tmp_path):
    n = net(tmp_path, LOSS % "")
    n.forward()
    with pytest.raises(CaffeError, match=r"'t' .*bottom 1, 'b'.*: propagate_down: true propagate_down: false$"):
        n.backward()


def test_propagate_down_says_that_it_is_meant(tmp_path):
    n = net(tmp_path, LOSS % "propagate_down: true propagate_down: false")
    n.forward()
    n.backward()
    assert np.abs(n.params["a"][1].diff).sum() > 0 and not n.params["b"][1].diff.any()


def test_labels_that_do_not_learn_are_as_before(tmp_path):
    n = net(tmp_path, LOSS.replace('"b"', '"x"') % "")
    n.forward()
    n.backward()
    assert np.abs(n.params["a"][1].diff).sum() > 0
