import struct

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from caffe_torch.proto import caffe_pb2
from multiweight.nets import prototxt_text

floats = st.floats(width=32, allow_nan=False)


@given(floats)
def test_floats_come_back_to_the_bit(value):
    text = prototxt_text.render(caffe_pb2.SolverParameter(base_lr=value))
    back = text_format.Parse(text, caffe_pb2.SolverParameter()).base_lr
    assert struct.pack("f", back) == struct.pack("f", value)


@given(st.text(max_size=200))
def test_strings_come_back(text):
    layer = caffe_pb2.LayerParameter(name=text, type="Python")
    layer.python_param.param_str = text + ' {"groups": ["' + "Color, ".join(["x"] * 30) + '"], "gamma": [1, 2]}'
    net = caffe_pb2.NetParameter(layer=[layer])
    assert text_format.Parse(prototxt_text.render(net), caffe_pb2.NetParameter()) == net


@given(
    st.lists(
        st.tuples(st.text("abc_", min_size=1), st.lists(st.text("ab\"' {}:#", max_size=9), max_size=30)), max_size=5
    )
)
def test_layers_come_back(layers):
    net = caffe_pb2.NetParameter(
        layer=[caffe_pb2.LayerParameter(name=name, bottom=bottoms, loss_weight=[0.5] * 7) for name, bottoms in layers]
    )
    assert text_format.Parse(prototxt_text.render(net), caffe_pb2.NetParameter()) == net


def test_the_look():
    net = caffe_pb2.NetParameter(name="net")
    layer = net.layer.add(name="fc8", type="InnerProduct", bottom=["fc7"], top=["fc8"])
    layer.param.add(lr_mult=1, decay_mult=0.0002)
    layer.inner_product_param.num_output = 2
    layer.inner_product_param.weight_filler.type = "gaussian"
    layer.inner_product_param.weight_filler.std = 0.01
    assert prototxt_text.render(net, ["Written here."], {"fc8": ["The head."]}) == (
        "# Written here.\n"
        'name: "net"\n'
        "\n"
        "# The head.\n"
        "layer {\n"
        '  name: "fc8"\n'
        '  type: "InnerProduct"\n'
        '  bottom: "fc7"\n'
        '  top: "fc8"\n'
        "  param { lr_mult: 1 decay_mult: 0.0002 }\n"
        "  inner_product_param {\n"
        "    num_output: 2\n"
        '    weight_filler { type: "gaussian" std: 0.01 }\n'
        "  }\n"
        "}\n"
    )


def test_comments_are_never_lost_nor_cut():
    with pytest.raises(KeyError, match="fc9"):
        prototxt_text.render(caffe_pb2.NetParameter(), comments={"fc9": ["x"]})
    text = prototxt_text.render(caffe_pb2.NetParameter(), ["a\nname: 'injected'"])
    assert text_format.Parse(text, caffe_pb2.NetParameter()) == caffe_pb2.NetParameter()
