"""Parity cases of small nets: in-place layers, splits, shared weights and several losses together."""

from __future__ import annotations

from case import Case

ALEXNET = """
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 8 kernel_size: 11 stride: 4 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 } }
layer { name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
        convolution_param { num_output: 12 pad: 2 kernel_size: 5 group: 2 } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "norm2" type: "LRN" bottom: "conv2" top: "norm2" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 } }
layer { name: "pool2" type: "Pooling" bottom: "norm2" top: "pool2" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "fc6" type: "InnerProduct" bottom: "pool2" top: "fc6" inner_product_param { num_output: 20 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "drop6" type: "Dropout" bottom: "fc6" top: "fc6" phase: TEST }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7" inner_product_param { num_output: 10 } }
layer { name: "relu7" type: "ReLU" bottom: "fc7" top: "fc7" }
"""

#: A scale of weights at which the activations stay near 1.
SMALL = {
    name: ["normal", scale]
    for name, scale in (
        ("conv1", 0.05),
        ("conv2", 0.1),
        ("fc6", 0.1),
        ("fc7", 0.2),
        ("fc8", 0.2),
        ("fc8a", 0.2),
        ("fc8b", 0.2),
    )
}

CASES = [
    Case(
        "net_multi_label",
        "",
        {"data": (2, 3, 59, 59), "label": (2, 7)},
        {**SMALL, "label": ["int", 2]},
        tops=("conv1", "norm1", "pool2", "fc7", "fc8", "loss"),
        loss=True,
        net=ALEXNET
        + """
layer { name: "fc8" type: "InnerProduct" bottom: "fc7" top: "fc8" inner_product_param { num_output: 7 } }
layer { name: "loss" type: "SigmoidCrossEntropyLoss" bottom: "fc8" bottom: "label" top: "loss" }
""",
    ),
    Case(
        "net_multi_weight",
        "",
        {"data": (2, 3, 59, 63), "label": (2, 7)},
        {**SMALL, "label": ["int", 2]},
        tops=("fc7", "fc8a", "fc8b", "loss_a", "loss_b"),
        loss=True,
        net=ALEXNET
        + """
layer { name: "groups" type: "Slice" bottom: "label" top: "label_a" top: "label_b"
        slice_param { axis: 1 slice_point: 3 } }
layer { name: "fc8a" type: "InnerProduct" bottom: "fc7" top: "fc8a" inner_product_param { num_output: 3 } }
layer { name: "fc8b" type: "InnerProduct" bottom: "fc7" top: "fc8b" inner_product_param { num_output: 4 } }
layer { name: "loss_a" type: "SigmoidCrossEntropyLoss" bottom: "fc8a" bottom: "label_a" top: "loss_a" loss_weight: 0.7 }
layer { name: "loss_b" type: "SigmoidCrossEntropyLoss" bottom: "fc8b" bottom: "label_b" top: "loss_b"
        loss_weight: 0.11 }
""",
    ),
    Case(
        "net_siamese",
        "",
        {"data": (4, 6), "other": (4, 6), "alike": (4,)},
        {"alike": ["int", 2]},
        tops=("a", "b", "loss"),
        loss=True,
        frozen=("alike",),
        net="""
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 5 } }
layer { name: "b" type: "InnerProduct" bottom: "other" top: "b" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 5 } }
layer { name: "loss" type: "ContrastiveLoss" bottom: "a" bottom: "b" bottom: "alike" top: "loss"
        contrastive_loss_param { margin: 3 } }
""",
    ),
    Case(
        "net_inception",
        "",
        {"data": (2, 4, 9, 9), "label": (2,)},
        {"label": ["int", 3]},
        tops=("left", "right", "joined", "scores", "loss"),
        loss=True,
        net="""
layer { name: "left" type: "Convolution" bottom: "data" top: "left"
        convolution_param { num_output: 3 kernel_size: 3 pad: 1 } }
layer { name: "left_relu" type: "ReLU" bottom: "left" top: "left" }
layer { name: "right" type: "Pooling" bottom: "data" top: "right" pooling_param { kernel_size: 3 stride: 1 pad: 1 } }
layer { name: "joined" type: "Concat" bottom: "left" bottom: "right" bottom: "data" top: "joined" }
layer { name: "mean" type: "Pooling" bottom: "joined" top: "mean" pooling_param { pool: AVE global_pooling: true } }
layer { name: "scores" type: "InnerProduct" bottom: "mean" top: "scores" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }
""",
    ),
]
