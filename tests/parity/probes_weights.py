"""Experiments on weights: in a net's text, of layers without a name of their own, shared. Each gives arrays by name.

NumPy and a caffe only, in either engine.
"""

from __future__ import annotations

import numpy as np
from probes import net_of, outputs

FC = """layer {{ {0} type: "InnerProduct" bottom: "{1}" top: "{2}" {4}
        inner_product_param {{ num_output: {3} bias_term: false weight_filler {{ type: "constant" value: 5 }} }} }}
"""
RELU = 'layer {{ {0} type: "ReLU" bottom: "{1}" top: "{2}" }}\n'
ONES = {"x": np.eye(2)}


def numbers(net):
    """Every parameter, by the layer's place and its own."""
    return {
        f"{i}/{j}": layer.blobs[j].data.copy() for i, layer in enumerate(net.layers) for j in range(len(layer.blobs))
    }


# --- weights in the text ---


def inline(caffe):
    return outputs(net_of(caffe, FC.format('name: "fc"', "x", "y", 2, BLOB.format("dim: 2 dim: 2")), ONES))


BLOB = "blobs {{ shape {{ {0} }} data: 1 data: 2 data: 3 data: 4 }}"
LEGACY = "blobs { num: 1 channels: 1 height: 2 width: 2 data: 1 data: 2 data: 3 data: 4 }"


def inline_legacy(caffe):
    return outputs(net_of(caffe, FC.format('name: "fc"', "x", "y", 2, LEGACY), ONES))


def inline_old_format(caffe):
    text = """input: "x" input_dim: 2 input_dim: 2 input_dim: 1 input_dim: 1
layers { name: "fc" type: INNER_PRODUCT bottom: "x" top: "y" inner_product_param { num_output: 2 bias_term: false }
         %s }"""
    net = net_of(caffe, text % LEGACY)
    net.blobs["x"].data[...] = np.eye(2).reshape(2, 2, 1, 1)
    return {"y": outputs(net)["y"]}


def inline_double(caffe):
    """Values in double precision, and a diff."""
    blob = "blobs { shape { dim: 1 dim: 2 } double_data: 1.5 double_data: 2.5 diff: 7 diff: 8 }"
    net = net_of(caffe, FC.format('name: "fc"', "x", "y", 1, blob), ONES)
    return {"data": net.params["fc"][0].data.copy(), "diff": net.params["fc"][0].diff.copy()}


def inline_statistics(caffe):
    text = """layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param { use_global_stats: true }
        blobs { shape { dim: 2 } data: 4 data: 6 } blobs { shape { dim: 2 } data: 8 data: 2 }
        blobs { shape { dim: 1 } data: 2 } }
layer { name: "scale" type: "Scale" bottom: "y" top: "z" scale_param { bias_term: true }
        blobs { shape { dim: 2 } data: 2 data: 3 } blobs { shape { dim: 2 } data: 1 data: -1 } }"""
    return outputs(net_of(caffe, text, ONES))


def inline_nowhere(caffe):
    """A layer of a type without parameters."""
    return numbers(
        net_of(caffe, 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" ' + BLOB.format("dim: 4") + "}", ONES)
    )


def inline_without_values(caffe):
    return outputs(net_of(caffe, FC.format('name: "fc"', "x", "y", 2, "blobs { shape { dim: 2 dim: 2 } }"), ONES))


def inline_wrong_shape(caffe):
    """The original multiplies by the first four of six values."""
    blob = "blobs { shape { dim: 3 dim: 2 } data: 1 data: 2 data: 3 data: 4 data: 5 data: 6 }"
    return outputs(net_of(caffe, FC.format('name: "fc"', "x", "y", 2, blob), ONES))


def inline_too_many(caffe):
    """Two blobs for a layer of one parameter."""
    blobs = BLOB.format("dim: 2 dim: 2") + " blobs { shape { dim: 1 } data: 7 }"
    return outputs(net_of(caffe, FC.format('name: "fc"', "x", "y", 2, blobs), ONES))


def inline_recurrent(caffe):
    """The original makes a recurrent layer's weights anew by the filler."""
    text = """layer { name: "c" type: "Input" top: "c" input_param { shape { dim: 1 dim: 1 } } }
layer { name: "rnn" type: "RNN" bottom: "x" bottom: "c" top: "y" recurrent_param { num_output: 1 } """
    weight, bias = "blobs { shape { dim: 1 dim: 1 } data: 7 }", "blobs { shape { dim: 1 } data: 7 }"
    text += " ".join([weight, bias, weight, weight, bias]) + " }"
    return numbers(net_of(caffe, text, {"x": np.ones((1, 1, 1))}))


def inline_printed(caffe):
    """A .caffemodel printed as text is a net with its weights."""
    from google.protobuf import text_format

    net = net_of(caffe, FC.format('name: "fc"', "x", "y", 2, "") + RELU.format('name: "a"', "x", "a"), ONES)
    net.params["fc"][0].data[...] = [[1, 2], [3, 4]]
    net.save("printed.caffemodel")
    message = caffe.proto.caffe_pb2.NetParameter()
    with open("printed.caffemodel", "rb") as file:
        message.ParseFromString(file.read())
    with open("printed.prototxt", "w") as file:
        file.write(text_format.MessageToString(message))
    again = caffe.Net("printed.prototxt", caffe.TEST)
    again.blobs["x"].data[...] = np.eye(2)
    return outputs(again)


# --- layers without a name of their own ---


def _copied(caffe, text):
    first, second = net_of(caffe, text, ONES), net_of(caffe, text, ONES)
    for i, layer in enumerate(first.layers):
        for j in range(len(layer.blobs)):
            layer.blobs[j].data[...] = i
    first.save("names.caffemodel")
    second.copy_from("names.caffemodel")
    return numbers(second)


def unnamed_before(caffe):
    return _copied(caffe, RELU.format("", "x", "r") + FC.format("", "x", "y", 2, ""))


def unnamed_behind(caffe):
    return _copied(caffe, FC.format("", "x", "y", 2, "") + RELU.format("", "x", "r"))


def unnamed_alone(caffe):
    """One unnamed layer with parameters, and only named ones beside it."""
    return _copied(caffe, FC.format("", "x", "y", 2, "") + RELU.format('name: "r"', "x", "r"))


def two_of_a_name(caffe):
    return _copied(caffe, FC.format('name: "fc"', "x", "y", 2, "") + FC.format('name: "fc"', "x", "z", 2, ""))


def two_of_a_name_and_two_shapes(caffe):
    return _copied(caffe, FC.format('name: "fc"', "x", "y", 2, "") + FC.format('name: "fc"', "x", "z", 3, ""))


def unnamed_shared(caffe):
    text = RELU.format("", "x", "r") + FC.format("", "x", "y", 2, "")
    net_of(caffe, text, ONES).share_with(net_of(caffe, text, ONES))
    return {}


def hdf5_unnamed(caffe):
    net_of(caffe, RELU.format("", "x", "r") + FC.format('name: "fc"', "x", "y", 2, ""), ONES).save_hdf5("names.h5")
    return {}


def hdf5_two_of_a_name(caffe):
    text = FC.format('name: "fc"', "x", "y", 2, "") + FC.format('name: "fc"', "x", "z", 2, "")
    net_of(caffe, text, ONES).save_hdf5("names.h5")
    return {}


# --- shared parameters ---


def _shared(caffe, *specs):
    text = "".join(
        FC.format(f'name: "f{i}"', "x", f"f{i}", 2, f'param {{ name: "w" {spec} }}') for i, spec in enumerate(specs)
    )
    return numbers(net_of(caffe, text, ONES))


def shared_rate(caffe):
    return _shared(caffe, "lr_mult: 1", "lr_mult: 0")


def shared_rate_turned(caffe):
    return _shared(caffe, "lr_mult: 0", "lr_mult: 1")


def shared_rate_third(caffe):
    return _shared(caffe, "", "lr_mult: 3", "lr_mult: 1")


def shared_decay(caffe):
    return _shared(caffe, "decay_mult: 1", "decay_mult: 3")


def shared_rate_once(caffe):
    return _shared(caffe, "", "lr_mult: 0")
