"""Graphs of nets; the published nets' graphs are compared in tests/parity."""

import builtins

import pytest
import unchecked

from caffe_torch import CaffeError, draw
from caffe_torch.net_spec import layers as L
from caffe_torch.net_spec import to_proto


def net():
    data = L.Input(shape={"dim": [1, 3, 8, 8]})
    conv = L.Convolution(data, num_output=4, kernel_size=3, pad=1, param=[{"lr_mult": 2}])
    return to_proto(L.Pooling(L.ReLU(conv, in_place=True), kernel_size=2, stride=2))


def test_labels_and_colours():
    by_type = {layer.type: layer for layer in net().layer}
    conv = by_type["Convolution"]
    assert draw.get_layer_label(conv, "TB", True).split(" (Conv")[1] == (
        'olution) kernel size: 3 stride: 1 pad: 1 lr mult: 2.0, 1.0"'
    )
    assert r"\n(Pooling MAX)\nkernel size: 2" in draw.get_layer_label(by_type["Pooling"], "LR")
    assert draw.get_edge_label(conv) == "4" and draw.get_edge_label(by_type["ReLU"]) == '""'
    assert draw.choose_color_by_layertype("Convolution") != draw.choose_color_by_layertype("ReLU")
    with pytest.raises(ValueError, match="ReLU layers do not have"):
        draw.get_layer_lr_mult(by_type["ReLU"])


def test_graph_has_a_node_a_layer_and_blob():
    unchecked.package("pydot", "the drawing of a net")
    graph = draw.get_pydot_graph(net(), "LR")
    assert len(graph.get_nodes()) == 4 + 3 and len(graph.get_edges()) == 1 + 2 + 2 + 2


def test_without_pydot_the_error_says_how_to_install_it(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pydot":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CaffeError, match="pip install pydot.*graphviz"):
        draw.draw_net(net(), "LR")
