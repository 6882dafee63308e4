"""Experiments on gradients that cannot go where they would have to, and on Python layers. Each gives arrays by name.

NumPy and a caffe only, in either engine.
"""

from __future__ import annotations

import sys

import numpy as np
from probes import net_of
from probes_weights import FC, ONES

# --- gradients that cannot go where they would have to ---


def gradient(caffe, loss, before="", force=False):
    """Layers "a" and "b" learn; ``loss`` stands on them."""
    text = FC.format('name: "a"', "x", "a", 2, "") + FC.format('name: "b"', "x", "b", 2, "")
    net = net_of(caffe, text + before + loss, ONES, force=force)
    net.forward()
    net.backward()
    return {"a": net.params["a"][0].diff.copy(), "b": net.params["b"][0].diff.copy()}


ZERO = 'layer { name: "zero" type: "Power" bottom: "b" top: "zero" power_param { scale: 0 } }\n'
LABEL = ZERO + 'layer { name: "l" type: "Reduction" bottom: "zero" top: "l" reduction_param { axis: 1 } }\n'


def into_targets(caffe):
    return gradient(caffe, 'layer { name: "t" type: "SigmoidCrossEntropyLoss" bottom: "a" bottom: "b" top: "t" }')


def into_targets_said(caffe):
    loss = """layer { name: "t" type: "SigmoidCrossEntropyLoss" bottom: "a" bottom: "b" top: "t"
        propagate_down: true propagate_down: false }"""
    return gradient(caffe, loss)


def into_labels(caffe, kind="SoftmaxWithLoss"):
    return gradient(caffe, 'layer { name: "t" type: "' + kind + '" bottom: "a" bottom: "l" top: "t" }', LABEL)


def into_hinge_labels(caffe):
    return into_labels(caffe, "HingeLoss")


def into_multinomial_labels(caffe):
    return into_labels(caffe, "MultinomialLogisticLoss")


MATRIX = """layer { name: "H" type: "DummyData" top: "H" dummy_data_param { shape { dim: 1 dim: 1 dim: 2 dim: 2 }
        data_filler { value: 1 } } }
layer { name: "s" type: "Scale" bottom: "H" top: "s" scale_param { axis: 0 num_axes: 1 } }
"""


def into_infogain_matrix(caffe):
    loss = """layer { name: "t" type: "InfogainLoss" bottom: "a" bottom: "l" bottom: "s" top: "t"
        propagate_down: true propagate_down: false propagate_down: true }"""
    return gradient(caffe, loss, LABEL + MATRIX)


def into_pairs(caffe):
    """The original drops what would go into ContrastiveLoss's labels."""
    loss = 'layer { name: "t" type: "ContrastiveLoss" bottom: "a" bottom: "x" bottom: "l" top: "t" }'
    return gradient(caffe, loss, LABEL)


SUM = 'layer { name: "t" type: "Reduction" bottom: "e" top: "t" loss_weight: 1 }'


def into_embed(caffe):
    layer = 'layer { name: "e" type: "Embed" bottom: "l" top: "e" embed_param { num_output: 2 input_dim: 3 } }\n'
    return gradient(caffe, SUM, LABEL + layer)


def into_reindex(caffe):
    return gradient(caffe, SUM, LABEL + 'layer { name: "e" type: "BatchReindex" bottom: "a" bottom: "l" top: "e" }\n')


def into_filter(caffe):
    shifted_label = 'layer { name: "one" type: "Power" bottom: "l" top: "one" power_param { shift: 1 } }\n'
    return gradient(
        caffe, SUM, LABEL + shifted_label + 'layer { name: "e" type: "Filter" bottom: "a" bottom: "one" top: "e" }\n'
    )


def into_markers(caffe):
    sequence = (
        'layer { name: "q" type: "Reshape" bottom: "a" top: "q" reshape_param { shape { dim: 1 dim: 2 dim: 2 } } }\n'
    )
    marker = 'layer { name: "m" type: "Reshape" bottom: "l" top: "m" reshape_param { shape { dim: 1 dim: 2 } } }\n'
    layer = 'layer { name: "e" type: "RNN" bottom: "q" bottom: "m" top: "e" recurrent_param { num_output: 1 } }\n'
    return gradient(caffe, SUM, LABEL + sequence + marker + layer)


def forced_embed(caffe):
    """force_backward asks the original for the gradient of indices."""
    layer = 'layer { name: "e" type: "Embed" bottom: "zero" top: "e" embed_param { num_output: 2 input_dim: 3 } }'
    return gradient(caffe, layer, ZERO, force=True)


def forced_reindex(caffe):
    layer = 'layer { name: "e" type: "BatchReindex" bottom: "a" bottom: "l" top: "e" }'
    return gradient(caffe, layer, LABEL, force=True)


def forced_filter(caffe):
    one = 'layer { name: "one" type: "Power" bottom: "l" top: "one" power_param { shift: 1 } }\n'
    layer = 'layer { name: "e" type: "Filter" bottom: "a" bottom: "one" top: "e" }'
    return gradient(caffe, layer, LABEL + one, force=True)


# --- Python layers ---

PYTHON = 'layer { name: "p" type: "Python" bottom: "x" top: "y" python_param { module: "%s" layer: "P" } %s }'


def own(caffe, name, body, extra="", force=True):
    """A net whose Python layer's class has the methods ``body``; the module gets a name of its own."""
    with open(name + ".py", "w") as file:
        file.write("import caffe\n\nclass P(caffe.Layer):\n" + body)
    if "" not in sys.path:
        sys.path.insert(0, "")
    return net_of(caffe, PYTHON % (name, extra), ONES, force=force)


SETUP = "    def setup(self, bottom, top): pass\n"
RESHAPE = "    def reshape(self, bottom, top): top[0].reshape(1)\n"
FORWARD = "    def forward(self, bottom, top): top[0].data[...] = 1\n"


def no_backward(caffe):
    wrong = "    def backwards(self, top, propagate_down, bottom): pass\n"
    net = own(caffe, "own_no_backward", SETUP + RESHAPE + FORWARD + wrong)
    net.forward()
    try:
        net.backward()
    except AttributeError as error:
        return {"named": np.array("backward" in str(error))}
    return {}


def no_forward(caffe):
    try:
        own(caffe, "own_no_forward", SETUP + RESHAPE).forward()
    except AttributeError as error:
        return {"named": np.array("forward" in str(error))}
    return {}


def python_weights(caffe):
    """``self.blobs`` before setup."""
    setup = """
    def setup(self, bottom, top):
        self.found = [blob.data.tolist() for blob in self.blobs]
        self.blobs.add_blob(1)
"""
    net = own(caffe, "own_weights", setup + RESHAPE + FORWARD, "blobs { shape { dim: 2 } data: 3 data: 4 }")
    result = {f"blob{i}": blob.data.copy() for i, blob in enumerate(net.params["p"])}
    result["in_setup"] = np.array(net.layers[-1].found)
    return result
