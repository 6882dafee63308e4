"""The ONNX model: names, open sizes, what is left out, and what cannot be written."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import small

import caffe_torch as caffe
from caffe_torch import export
from caffe_torch.export import onnx_model, registry, subgraph
from caffe_torch.layers.base import REGISTRY


def test_layers_blobs_and_parameters_keep_their_names(tmp_path):
    export.onnx(small.net(tmp_path), tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    assert [value.name for value in graph.input] == ["data"]
    assert [value.name for value in graph.output] == ["prob"]
    outputs = {name for node in graph.node for name in node.output}
    assert {"conv", "pool", "left", "sum", "fc", "prob"} <= outputs
    assert {node.name for node in graph.node} >= {"conv", "relu", "left", "prob"}
    # pool is of two nodes, as its last windows are cut; the drop-out and the split are gone.
    assert [node.name for node in graph.node if node.name.startswith("pool")] == ["pool/AveragePool", "pool/Div"]
    assert not {"drop", "pool_pool_0_split"} & {node.name for node in graph.node}
    assert {"conv/0", "conv/1", "fc/0", "fc/1"} <= {tensor.name for tensor in graph.initializer}
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim[1:]] == [3, 12, 13]


def test_the_batch_is_open_and_the_net_is_as_before(tmp_path):
    net = small.net(tmp_path)
    before = small.images(4, 3, 12, 13)
    net.blobs["data"].data[...] = before
    deviation = export.onnx(net, tmp_path / "net.onnx")
    assert deviation.worst < 1e-5
    np.testing.assert_array_equal(net.blobs["data"].data, before)
    for batch in (1, 7):
        pixels = small.images(batch, 3, 12, 13)
        (prob,) = small.run(tmp_path / "net.onnx", data=pixels)
        np.testing.assert_allclose(prob, small.forward(net, "prob", data=pixels), rtol=1e-4, atol=1e-6)


def test_height_and_width_may_be_open(tmp_path):
    net = small.net(tmp_path, small.OPEN)
    export.onnx(net, tmp_path / "net.onnx", any_size=True)
    for size in ((7, 9), (12, 13), (20, 31)):
        pixels = small.images(2, 3, *size)
        (result,) = small.run(tmp_path / "net.onnx", data=pixels)
        np.testing.assert_allclose(result, small.forward(net, "sum", data=pixels), rtol=1e-4, atol=1e-4)


def test_a_net_of_one_size_says_so(tmp_path):
    with pytest.raises(caffe.CaffeError, match="layer 'fc'.*leave height and width as they are"):
        export.onnx(small.net(tmp_path), tmp_path / "net.onnx", any_size=True)
    reshape = 'layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: 4 dim: 468 } } }'
    net = small.net(tmp_path, small.NET.splitlines()[1] + reshape)
    with pytest.raises(caffe.CaffeError, match="layer 'r'.*--batch N"):
        export.onnx(net, tmp_path / "net.onnx")
    export.onnx(net, tmp_path / "net.onnx", batch=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.prototxt"]


def test_outputs_leave_out_what_they_do_not_need(tmp_path):
    net = small.net(tmp_path)
    export.onnx(net, tmp_path / "net.onnx", outputs=["fc", "left"])
    fc, left = small.run(tmp_path / "net.onnx", data=net.blobs["data"].data)
    assert fc.shape == (4, 5) and left.shape == (4, 4, 5, 5)
    assert "prob" not in {node.name for node in onnx.load(tmp_path / "net.onnx").graph.node}


def test_a_layer_that_onnx_cannot_say_is_named_with_what_lies_before_it(tmp_path, monkeypatch):
    (tmp_path / "halving.py").write_text(
        "import caffe\n\n\nclass Half(caffe.Layer):\n"
        "    def reshape(self, bottom, top):\n        top[0].reshape(*bottom[0].data.shape)\n\n"
        "    def forward(self, bottom, top):\n        top[0].data[...] = bottom[0].data / 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    layer = """layer { name: "half" type: "Python" bottom: "fc" top: "half"
      python_param { module: "halving" layer: "Half" } }"""
    net = small.net(tmp_path, small.NET + layer)
    with pytest.raises(caffe.CaffeError, match=r"'half' \(Python\).*--until fc "):
        export.onnx(net, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
    export.onnx(net, tmp_path / "net.onnx", outputs=["fc"])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (small.NET, {"outputs": ["nothing"]}, "no blob 'nothing'"),
        (small.NET, {"outputs": ["data"]}, "is an input"),
        (small.NET, {"batch": 0}, "batch 0"),
        (
            'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 2 } } }\n'
            'layer { name: "p" type: "Power" bottom: "d" top: "p" }',
            {},
            "no Input layer before p",
        ),
        (
            small.NET.splitlines()[1]
            + 'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 4 } '
            'data_filler { type: "gaussian" } } }'
            'layer { name: "s" type: "Scale" bottom: "data" bottom: "d" top: "s" scale_param { axis: 0 } }',
            {"batch": 4},
            "layer 'd'.*at random",
        ),
    ],
)
def test_mistakes_are_one_error_and_leave_no_file(tmp_path, text, options, message):
    with pytest.raises(caffe.CaffeError, match=message):
        export.onnx(small.net(tmp_path, text), tmp_path / "net.onnx", **options)
    assert not list(tmp_path.glob("*onnx*"))


def test_a_net_that_trains_is_refused(tmp_path):
    with pytest.raises(caffe.CaffeError, match="TRAIN phase"):
        export.onnx(small.net(tmp_path, phase=caffe.TRAIN), tmp_path / "net.onnx")


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(caffe.CaffeError, match="cannot be written"):
        export.onnx(small.net(tmp_path), tmp_path / "missing" / "net.onnx")


def test_parameters_shared_by_name_are_written_once(tmp_path):
    layer = """layer {{ name: "{0}" type: "InnerProduct" bottom: "data" top: "{0}" param {{ name: "w" }}
      param {{ name: "b" }} inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}"""
    text = small.NET.splitlines()[1] + layer.format("one") + layer.format("two")
    export.onnx(small.net(tmp_path, text), tmp_path / "net.onnx")
    assert sorted(t.name for t in onnx.load(tmp_path / "net.onnx").graph.initializer) == ["one/0", "one/1"]


def test_wrong_numbers_are_not_kept_and_the_layer_is_named(tmp_path, monkeypatch):
    """A converter that is wrong: what the check is for."""

    def wrong(group):
        return [group.node("LeakyRelu", group.inputs[0], alpha=0.001)]

    assert "ReLU" in onnx_model.CONVERTERS
    monkeypatch.setitem(onnx_model.CONVERTERS, "ReLU", registry.Converter(wrong))
    with pytest.raises(caffe.CaffeError, match=r"differs by .* layer 'relu' \(ReLU\), at blob 'conv'"):
        export.onnx(small.net(tmp_path), tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_every_layer_type_has_a_form_or_a_reason():
    own = {name for name, layer in REGISTRY.items() if layer.__module__.startswith("caffe_torch.layers.")}
    assert own == {*registry.CONVERTERS, *registry.UNSUPPORTED, *subgraph.READERS}
    assert not set(registry.CONVERTERS) & {*registry.UNSUPPORTED, *subgraph.READERS}


@pytest.mark.parametrize("kind", sorted(registry.UNSUPPORTED))
def test_the_error_names_a_layer_without_a_form_and_what_lies_before_it(tmp_path, kind):
    result = subgraph.read(small.net(tmp_path), ["fc"], {})
    layer = SimpleNamespace(name="last", type=kind, param=None)
    step = replace(result.layer_nodes[-1], layer=layer, bottoms=["data", "sum", "fc", "sum"])
    with pytest.raises(caffe.CaffeError) as error:
        onnx_model.build(replace(result, layer_nodes=[*result.layer_nodes, step]))
    assert str(error.value).startswith(f"export: layer 'last' ({kind}) cannot be exported to ONNX: it ")
    assert registry.UNSUPPORTED[kind] in str(error.value)
    assert "export the net up to its inputs: --until sum,fc (in Python: outputs=['sum', 'fc'])" in str(error.value)


@pytest.mark.parametrize("kind", subgraph.READERS)
def test_a_layer_that_reads_is_named(tmp_path, kind):
    class Reader(REGISTRY["DummyData"]):
        """Of this type, without its files."""

    layer = f'''layer {{ name: "d" type: "{kind}" top: "d" dummy_data_param {{ shape {{ dim: 2 }} }} }}
      layer {{ name: "p" type: "Power" bottom: "d" top: "p" }}'''
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, kind, Reader)
        net = small.net(tmp_path, layer)
    with pytest.raises(caffe.CaffeError, match=rf"no Input layer before p; its data come from layer 'd' \({kind}\)"):
        export.onnx(net, tmp_path / "net.onnx")


def test_constants_and_learned_blobs_are_in_the_model(tmp_path):
    text = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "fixed" type: "DummyData" top: "fixed" dummy_data_param { shape { dim: 3 } data_filler { value: 2 } } }
layer { name: "learned" type: "Parameter" top: "learned" parameter_param { shape { dim: 3 } } }
layer { name: "times" type: "Scale" bottom: "data" bottom: "fixed" top: "times" }
layer { name: "plus" type: "Bias" bottom: "times" bottom: "learned" top: "plus" }
"""
    net = small.net(tmp_path, text)
    net.params["learned"][0].data[...] = [1, 2, 3]
    export.onnx(net, tmp_path / "net.onnx", outputs=["plus", "learned"])
    plus, learned = small.run(tmp_path / "net.onnx", data=[[1, 1, 1], [0, -1, 4]])
    np.testing.assert_array_equal(plus, [[3, 4, 5], [1, 0, 11]])
    np.testing.assert_array_equal(learned, [1, 2, 3])
