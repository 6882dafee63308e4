"""A fork's whole binary message whose numbers mean other fields here: refused, with field and fork."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

import caffe_torch as caffe
from caffe_torch.cli import command
from caffe_torch.proto import caffe_pb2


def schema(fields, **more):
    """A NetParameter of a fork, and its LayerParameter with ``fields``: (name, number, message or type)."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{abs(hash(str((fields, more))))}.proto", package="fork")
    types = descriptor_pb2.FieldDescriptorProto
    messages = {
        "NetParameter": [("name", 1, types.TYPE_STRING), ("layer", 100, ["LayerParameter"])],
        "LayerParameter": [("name", 1, types.TYPE_STRING), ("type", 2, types.TYPE_STRING), *fields],
        **more,
    }
    for name, members in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in members:
            added = message.field.add(name=field, number=number, label=types.LABEL_OPTIONAL)
            if isinstance(kind, list):
                added.label, kind = types.LABEL_REPEATED, kind[0]
            if isinstance(kind, str):
                added.type, added.type_name = types.TYPE_MESSAGE, f".fork.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fork.NetParameter"))


INT, FLOAT = descriptor_pb2.FieldDescriptorProto.TYPE_INT32, descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT
PSPNET = schema([("interp_param", 143, "InterpParameter")], InterpParameter=[("height", 1, INT)])
CROPS = schema([("transform_param", 100, "TransformationParameter")],
               TransformationParameter=[("scale_factors", 8, FLOAT)])  # fmt: skip
SCALES = schema([("scale_param", 160, "ScaleParameter")], ScaleParameter=[("axis", 1, INT)])
BINARIES = [
    (PSPNET, 'layer { name: "up" type: "Interp" interp_param { height: 3 } }',
     "layer 'up'.*143 is 'input_param' in this schema, but 'interp_param' in hszhao/PSPNet"),
    (CROPS, 'layer { name: "d" type: "ImageSegData" transform_param { scale_factors: 0.5 } }',
     "layer 'd'.transform_param: field number 8 is 'resize_param' in this schema, but .*'scale_factors' in hszhao"),
    (SCALES, 'layer { name: "s" type: "Scale" scale_param { axis: 1 } }',
     "160 is no field of this schema, but 'scale_param' in yjxiong/caffe"),
]  # fmt: skip


@pytest.mark.parametrize(("net", "text", "message"), BINARIES)
def test_a_fork_whose_numbers_clash_is_named(net, text, message):
    data = text_format.Parse(text, net()).SerializeToString()
    for parse in (caffe_pb2.NetParameter().ParseFromString, caffe_pb2.NetParameter().MergeFromString,
                  caffe_pb2.NetParameter.FromString):  # fmt: skip
        with pytest.raises(caffe.CaffeError, match=f"{message}.*text file"):
            parse(data)


def test_the_upgrading_tool_says_it_and_writes_nothing(tmp_path, capsys):
    net, text, _ = BINARIES[0]
    (tmp_path / "old").write_bytes(text_format.Parse(text, net()).SerializeToString())
    words = ["upgrade_net_proto_binary", str(tmp_path / "old"), str(tmp_path / "new")]
    assert command.main(words) == 2
    output = capsys.readouterr().err
    assert "'interp_param' in hszhao/PSPNet" in output and "Traceback" not in output and not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "text",
    [
        'layer { name: "norm" type: "Normalize" norm_param { across_spatial: false } }',
        'layer { name: "d" type: "AnnotatedData" transform_param { resize_param { height: 3 } crop_h: 2 } }',
        'layer { name: "up" type: "Interp" interp_param { height: 3 } }',
        'layer { name: "in" type: "Input" input_param { shape { dim: 1 } } }',
        'layer { name: "bn" type: "BN" bn_param { slope_filler { value: 1 } } }',
        'layers { name: "c" type: CONVOLUTION convolution_param { hole: 2 } }',
    ],
)
def test_what_this_schema_wrote_is_read_again(text):
    net = text_format.Parse(text, caffe_pb2.NetParameter())
    assert caffe_pb2.NetParameter.FromString(net.SerializeToString()) == net


def test_an_unlisted_forks_field_is_passed_over_as_protobuf_does():
    other = schema([("nobodys", 4_000_000, INT)])
    data = text_format.Parse('layer { name: "x" type: "ReLU" nobodys: 3 }', other()).SerializeToString()
    assert caffe_pb2.NetParameter.FromString(data).layer[0].name == "x"


def test_solvers_too():
    with pytest.raises(caffe.CaffeError, match="41 is 'layer_wise_reduce' in this schema, but 'eval_type' in weiliu89"):
        caffe_pb2.SolverParameter.FromString(bytes([0xCA, 0x02, 3]) + b"abc")
